//! Kafka topics that a statement of Lenses SQL reads and writes, recognised by the keywords before the topics' names.
//! Lenses alone decides whether a statement is valid. If a topic is not recognised, a warning about the claim's SQL
//! processors can be wrong or absent, and a statement that writes a topic with a reserved name is not rejected.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::str::Chars;

/// Kafka topics that a text with one or several statements of Lenses SQL reads and writes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Topics {
    pub read: BTreeSet<String>,
    pub written: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// Token of an SQL statement that is an unquoted word: a name, a number or a keyword.
    Word(String),
    /// Token of an SQL statement that is a name in backquotes, and so never a keyword.
    Name(String),
    Sign(char),
}

impl Token {
    fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own.eq_ignore_ascii_case(word))
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Word(name) | Self::Name(name) => Some(name),
            Self::Sign(_) => None,
        }
    }
}

impl Topics {
    pub fn of(sql: &str) -> Self {
        let tokens = tokens(sql);
        // A name before `AS (` is defined by the SQL statement itself and is not a Kafka topic.
        let own: BTreeSet<&str> = tokens
            .windows(3)
            .filter(|three| three[1].is("AS") && three[2] == Token::Sign('('))
            .filter_map(|three| three[0].name())
            .collect();
        let mut topics = Self::default();
        for (index, token) in tokens.iter().enumerate() {
            let Some(name) = tokens.get(index + 1).and_then(Token::name) else { continue };
            if token.is("INTO") {
                topics.written.insert(name.to_owned());
            } else if (token.is("FROM") || token.is("JOIN")) && !own.contains(name) {
                topics.read.insert(name.to_owned());
            }
        }
        topics
    }
}

fn tokens(sql: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = sql.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\'' | '"' => drop(until(&mut rest, character)),
            '`' => tokens.push(Token::Name(until(&mut rest, '`'))),
            '-' if rest.peek() == Some(&'-') => drop(until(&mut rest, '\n')),
            '/' if rest.peek() == Some(&'*') => skip_comment(&mut rest),
            character if is_of_a_word(character) => {
                let mut word = String::from(character);
                while let Some(next) = rest.next_if(|next| is_of_a_word(*next) || *next == '-') {
                    word.push(next);
                }
                tokens.push(Token::Word(word));
            }
            character if character.is_whitespace() => {}
            character => tokens.push(Token::Sign(character)),
        }
    }
    tokens
}

fn is_of_a_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '.' | '$')
}

/// Text of an SQL statement up to a closing character, such as a quote. The closing character is consumed too.
fn until(rest: &mut Peekable<Chars>, end: char) -> String {
    rest.by_ref().take_while(|next| *next != end).collect()
}

fn skip_comment(rest: &mut Peekable<Chars>) {
    let mut before = ' ';
    // The star of an SQL comment's opening `/*` is skipped before the search for the closing `*/`. Otherwise `/*/`
    // would count as a whole comment, with one star for both its opening and its closing.
    rest.next();
    for next in rest.by_ref() {
        if before == '*' && next == '/' {
            return;
        }
        before = next;
    }
}

#[cfg(test)]
mod tests {
    use super::Topics;

    const HEART_RATE: &str = "SET defaults.topic.autocreate=true;
INSERT INTO heart_rate_device_topic
STORE KEY AS STRING VALUE AS AVRO
SELECT STREAM
  _value.deviceId AS _key,
  _value.heartRate AS value
FROM device_data;
";

    #[test]
    fn topics_are_read_out_of_statements_and_nothing_else_is() {
        for (sql, read, written) in [
            (HEART_RATE, vec!["device_data"], vec!["heart_rate_device_topic"]),
            (
                "insert into `my-topic` select stream * from `a-b` join c on c.x = `a-b`.x",
                vec!["a-b", "c"],
                vec!["my-topic"],
            ),
            ("INSERT INTO out SELECT * FROM lab.samples-2;", vec!["lab.samples-2"], vec!["out"]),
            ("-- FROM nowhere\nINSERT INTO o /* FROM b */ SELECT 'FROM c' AS x FROM d", vec!["d"], vec!["o"]),
            ("WITH w AS (SELECT STREAM * FROM a); INSERT INTO o SELECT STREAM * FROM w", vec!["a"], vec!["o"]),
            ("INSERT INTO o SELECT * FROM (SELECT * FROM a LEFT JOIN b)", vec!["a", "b"], vec!["o"]),
            ("", vec![], vec![]),
            ("FROM", vec![], vec![]),
            ("it's `open", vec![], vec![]),
            ("SELECT * /*/ FROM a", vec![], vec![]),
        ] {
            let expected = [read, written].map(|names| names.into_iter().map(str::to_owned).collect());
            let Topics { read, written } = Topics::of(sql);
            assert_eq!([read, written], expected, "{sql}");
        }
    }
}
