//! YAML parser that reads values as kubectl does, and records the line of each value. The parser does not depend on the
//! meaning of the values.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use serde_json::{Map, Value};

use super::position::Place;
use super::scalar::{integer, plain};

/// Greatest depth of nested lists and mappings that the YAML parser accepts: deeper than any claim, and not too deep
/// for the stack.
const DEPTH: usize = 128;

/// Largest number of values that the YAML parser accepts in one document, after the document's aliases are expanded. An
/// export of all objects in a cluster is far smaller.
const MOST_VALUES: usize = 2_000_000;

pub const TOO_DEEP: &str = "lists and sets of fields must not be nested deeper than 128 levels";

/// One YAML document of a text: its parsed value, with the line of each field and item.
pub struct Parsed {
    pub value: Value,
    pub place: Place,
}

/// Error at which the YAML parser stops reading a text, with the error's line in the text.
#[derive(Debug)]
pub struct Unreadable {
    pub line: usize,
    pub message: String,
}

/// YAML documents of a text up to the error at which the parser stops, and that error, if there is one.
pub fn documents(text: &str) -> (Vec<Parsed>, Option<Unreadable>) {
    read(text, MOST_VALUES)
}

/// Value of a YAML text with exactly one document; `None` for any other text, and for a text that has, with its aliases
/// expanded, more than two values for each byte.
pub fn value(text: &str) -> Option<Value> {
    let (mut documents, unreadable) = read(text, 2 * text.len());
    let last = documents.pop()?;
    (documents.is_empty() && unreadable.is_none()).then_some(last.value)
}

fn read(text: &str, most_values: usize) -> (Vec<Parsed>, Option<Unreadable>) {
    let mut reader =
        Reader { events: Parser::new_from_str(text), anchors: HashMap::new(), most_values, room: most_values };
    let mut documents = Vec::new();
    loop {
        match reader.document() {
            Ok(Some(node)) => documents.push(Parsed { value: node.value, place: node.place }),
            Ok(None) => return (documents, None),
            Err(unreadable) => return (documents, Some(unreadable)),
        }
    }
}

/// Parsed YAML value, with its position in the text, and with two counts for the limits of the YAML parser: the values
/// in it, and the levels to which they are nested.
#[derive(Clone)]
struct Node {
    value: Value,
    place: Place,
    size: usize,
    height: usize,
}

impl Node {
    /// Parsed YAML value from inside the mapping or list that stands under a merge key (`<<`). The number and the depth
    /// of nested values are known only for that mapping or list as a whole, so both are counted again for the value
    /// alone.
    fn measured(value: Value, place: Place) -> Self {
        let (size, height) = extent(&value);
        Self { value, place, size, height }
    }
}

/// Two counts for the limits of the YAML parser: the number of values in a YAML value, including the value itself, and
/// the number of levels to which they are nested.
fn extent(value: &Value) -> (usize, usize) {
    let with = |(size, height): (usize, usize), inner: &Value| {
        let (inner_size, inner_height) = extent(inner);
        (size + inner_size, height.max(inner_height + 1))
    };
    match value {
        Value::Array(items) => items.iter().fold((1, 0), with),
        Value::Object(fields) => fields.values().fold((1, 0), with),
        _ => (1, 0),
    }
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    /// Largest number of values in a YAML document. `room` is the part of this number that the parser has not used up
    /// in the current document.
    most_values: usize,
    room: usize,
}

type Read<T> = Result<T, Unreadable>;

impl<'a> Reader<'a> {
    fn next(&mut self) -> Read<Option<(Event<'a>, usize)>> {
        let located = |(event, span): (Event<'a>, Span)| (event, span.start.line());
        // The YAML library has a limit of its own for nested brackets. The library's message is replaced, so that
        // authors read one message for documents that are nested too deeply.
        let words = |error: &ScanError| match error.info() {
            "recursion limit exceeded" => TOO_DEEP.to_owned(),
            info if info.contains("valid YAML whitespace") => {
                "a tab is not allowed here: put spaces in its place".to_owned()
            }
            info => info.to_owned(),
        };
        let failed = |error: ScanError| unreadable(error.marker().line(), words(&error));
        self.events.next_event().transpose().map(|event| event.map(located)).map_err(failed)
    }

    fn document(&mut self) -> Read<Option<Node>> {
        while let Some((event, _)) = self.next()? {
            if matches!(event, Event::DocumentStart(_)) {
                self.anchors.clear();
                self.room = self.most_values;
                return self.value().map(Some);
            }
        }
        Ok(None)
    }

    /// Next value of a YAML text. The lists and mappings around the value are kept in a vector and not on the stack,
    /// because a text may be nested more deeply than the stack allows.
    fn value(&mut self) -> Read<Node> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            let Some((event, line)) = self.next()? else { return Err(unreadable(1, "it ends too early")) };
            let (node, anchor) = match event {
                Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                    let is_list = matches!(event, Event::SequenceStart(..));
                    begin(&mut open, Open::new(line, anchor, is_list))?;
                    continue;
                }
                Event::Alias(anchor) => (self.alias(anchor, line)?, 0),
                Event::Scalar(text, style, anchor, tag) => {
                    (leaf(&text, style, tag.as_deref(), line, &mut open)?, anchor)
                }
                Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                    Some(done) => (done.node, done.anchor),
                    None => return Err(unreadable(line, "a value is missing here")),
                },
                _ => return Err(unreadable(line, "a value is missing here")),
            };
            self.room = self.room.checked_sub(1).ok_or_else(|| self.too_many(line))?;
            if open.len() + node.height > DEPTH {
                return Err(unreadable(line, TOO_DEEP));
            }
            // The YAML library numbers anchors from 1, so 0 marks a value without an anchor.
            if anchor > 0 {
                self.anchors.insert(anchor, node.clone());
            }
            match open.last_mut() {
                Some(around) => around.take(node, line)?,
                None => return Ok(node),
            }
        }
    }

    /// Copy of the value to which a YAML alias refers. The value's size is checked before the copy, because aliases of
    /// aliases grow exponentially.
    fn alias(&mut self, anchor: usize, line: usize) -> Read<Node> {
        let node = self.anchors.get(&anchor).ok_or_else(|| unreadable(line, "an anchor must not be inside itself"))?;
        self.room = self.room.checked_sub(node.size).ok_or_else(|| self.too_many(line))?;
        Ok(node.clone())
    }

    fn too_many(&self, line: usize) -> Unreadable {
        unreadable(line, format!("its aliases must not expand to more than {} values of it", self.most_values))
    }
}

/// Message about a YAML mapping in which a list or a mapping stands in place of a field's name.
const NAME: &str = "a field's name must be text, not a list or a set of fields";

fn begin(open: &mut Vec<Open>, inner: Open) -> Read<()> {
    let line = inner.node.place.line;
    if open.last().is_some_and(Open::awaits_name) {
        return Err(unreadable(line, NAME));
    }
    if open.len() >= DEPTH {
        return Err(unreadable(line, TOO_DEEP));
    }
    open.push(inner);
    Ok(())
}

fn leaf(text: &str, style: ScalarStyle, tag: Option<&Tag>, line: usize, open: &mut [Open]) -> Read<Node> {
    let value = scalar(text, style, tag).map_err(|message| unreadable(line, message))?;
    if let Some(around) = open.last_mut().filter(|around| around.awaits_name()) {
        around.merges = text == "<<" && style == ScalarStyle::Plain;
    }
    Ok(Node { value, place: Place::at(line), size: 1, height: 0 })
}

/// List or mapping of a YAML text whose end the parser has not read yet.
struct Open {
    node: Node,
    anchor: usize,
    /// Field name that the parser has read in an open YAML mapping, with its line, while the field's value has not been
    /// read yet.
    name: Option<(String, usize)>,
    /// Whether the latest field name in an open YAML mapping is a merge key (`<<`), whose value's fields become fields
    /// of the mapping.
    merges: bool,
    /// Names of the fields that are written in a YAML mapping itself, without those that a merge key (`<<`) brings into
    /// the mapping. A name that is written twice is an error.
    own: HashSet<String>,
}

impl Open {
    fn new(line: usize, anchor: usize, is_list: bool) -> Self {
        let value = if is_list { Value::Array(Vec::new()) } else { Value::Object(Map::new()) };
        let node = Node { value, place: Place::at(line), size: 1, height: 0 };
        Self { node, anchor, name: None, merges: false, own: HashSet::new() }
    }

    fn awaits_name(&self) -> bool {
        self.node.value.is_object() && self.name.is_none()
    }

    /// Adds a parsed value to an open YAML list as its next item, or to an open YAML mapping as its next field name or
    /// field value.
    fn take(&mut self, node: Node, line: usize) -> Read<()> {
        if self.awaits_name() {
            self.name = Some((name(node.value, line)?, line));
            return Ok(());
        }
        let merges = std::mem::take(&mut self.merges);
        match self.name.take() {
            Some(_) if merges => self.merge(node, line),
            Some((name, line)) => self.field(name, line, node),
            None => {
                self.count(&node);
                self.node.place.below.push(node.place);
                if let Value::Array(items) = &mut self.node.value {
                    items.push(node.value);
                }
                Ok(())
            }
        }
    }

    fn count(&mut self, node: &Node) {
        self.node.size += node.size;
        self.node.height = self.node.height.max(node.height + 1);
    }

    fn field(&mut self, name: String, line: usize, mut node: Node) -> Read<()> {
        if !self.own.insert(name.clone()) {
            return Err(unreadable(line, duplicate(&name)));
        }
        node.place.line = line;
        self.set(name, node);
        Ok(())
    }

    /// Sets a field of an open YAML mapping. The field replaces one of the same name that a merge key (`<<`) has
    /// brought.
    fn set(&mut self, name: String, node: Node) {
        self.count(&node);
        let Value::Object(fields) = &mut self.node.value else { return };
        let merged = if fields.contains_key(&name) { fields.keys().position(|known| *known == name) } else { None };
        match merged {
            Some(index) => self.node.place.below[index] = node.place,
            None => self.node.place.below.push(node.place),
        }
        fields.insert(name, node.value);
    }

    /// Merges the value of a merge key (`<<`), which is a mapping or a list of mappings, into the YAML mapping with the
    /// key. A field in the mapping with the key takes precedence over a merged field of the same name. In a list,
    /// an earlier mapping takes precedence over a later one.
    fn merge(&mut self, node: Node, line: usize) -> Read<()> {
        let Node { value, place, .. } = node;
        match value {
            Value::Object(fields) => {
                for ((name, value), place) in fields.into_iter().zip(place.below) {
                    if self.node.value.get(&name).is_none() {
                        self.set(name, Node::measured(value, place));
                    }
                }
                Ok(())
            }
            Value::Array(items) => items
                .into_iter()
                .zip(place.below)
                .try_for_each(|(value, place)| self.merge(Node::measured(value, place), line)),
            _ => Err(unreadable(line, "only a set of fields can be merged with <<")),
        }
    }
}

/// Name of a field in a YAML mapping, from the parsed value that stands in the name's place. A number or boolean
/// becomes text, because names in JSON are text.
fn name(value: Value, line: usize) -> Read<String> {
    match value {
        Value::String(name) => Ok(name),
        Value::Bool(name) => Ok(name.to_string()),
        Value::Number(name) => Ok(name.to_string()),
        Value::Null => Err(unreadable(line, "a field must have a name")),
        Value::Array(_) | Value::Object(_) => Err(unreadable(line, NAME)),
    }
}

fn unreadable(line: usize, message: impl Into<String>) -> Unreadable {
    Unreadable { line, message: message.into() }
}

fn duplicate(key: &str) -> String {
    // Two YAML documents that were joined without a line `---` repeat `apiVersion` and `kind`, so the message about a
    // repeated field suggests that line.
    let joined = if matches!(key, "apiVersion" | "kind") {
        ": where files were joined, put a line --- between them"
    } else {
        ""
    };
    format!("the field {key:?} appears a second time{joined}")
}

/// Value of a YAML scalar, or the reason why the parser refuses the scalar.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
    let core = tag.filter(|tag| tag.is_yaml_core_schema()).map(|tag| tag.suffix.as_str());
    let is_plain = match core {
        Some("int" | "float" | "bool" | "null") => true,
        _ => style == ScalarStyle::Plain && tag.is_none(),
    };
    if !is_plain {
        return Ok(text.into());
    }
    let value = plain(text).ok_or_else(|| format!("{text} is not a number that JSON can represent"))?;
    let is_of_type = match core {
        Some("int") => integer(&text.replace('_', "")).is_some(),
        Some("float") => value.is_number(),
        Some("bool") => value.is_boolean(),
        Some("null") => value.is_null(),
        _ => true,
    };
    is_of_type.then_some(value).ok_or_else(|| format!("{text:?} is not a value of the tag before it"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Value {
        let (mut documents, unreadable) = documents(text);
        assert!(unreadable.is_none() && documents.len() == 1, "{unreadable:?}");
        documents.remove(0).value
    }

    fn refused(text: &str) -> (usize, String) {
        let unreadable = documents(text).1.unwrap_or_else(|| panic!("{text} is read"));
        (unreadable.line, unreadable.message)
    }

    #[test]
    fn aliases_stand_for_what_they_name_and_not_for_any_amount_of_it() {
        assert_eq!(read("a: &a [1]\nb: *a\n"), json!({"a": [1], "b": [1]}));
        let merged = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {<<: [*x, *y], c: 3}\n";
        assert_eq!(read(merged)["z"], json!({"c": 3, "a": 1, "b": 1}));
        assert_eq!(refused("a: &a [*a]\n").1, "an anchor must not be inside itself");
        assert_eq!(refused("a: {<<: 1}\n").1, "only a set of fields can be merged with <<");
        // Slightly more than the limit, so that lifting it fails here and not for want of memory.
        let bomb = format!("a: &a [{}]\nb: [{}]\n", "x, ".repeat(1500), "*a, ".repeat(1500));
        assert!(refused(&bomb).1.starts_with("its aliases must not expand to more than"));
        let sound = format!("a: &a [{}]\nb: [{}]\n", "x, ".repeat(1000), "*a, ".repeat(1000));
        assert_eq!(read(&sound)["b"][999][999], "x");
        let mut tower = format!("a0: &a0 {}{}\n", "[".repeat(100), "]".repeat(100));
        tower.push_str("a1: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[*a0]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n");
        assert_eq!(refused(&tower), (2, TOO_DEEP.to_owned()));
    }

    #[test]
    fn a_value_is_read_from_one_document_without_repetition() {
        for text in ["a:", "-", "[[x]]", "{a: b}", "a: &a [1]\nb: *a\n", "~"] {
            assert_eq!(value(text), Some(read(text)), "{text}");
        }
        assert_eq!(value(&format!("a: &a [{}]\nb: [{}]\n", "x, ".repeat(15), "*a, ".repeat(15))), None);
        for text in ["", "a: [", "a: 1\n---\nb: 2\n"] {
            assert_eq!(value(text), None, "{text}");
        }
    }

    #[test]
    fn merged_fields_are_counted_once() {
        let fields: Vec<String> = (0..100).map(|field| format!("f{field}: 1")).collect();
        let level = |level: usize| format!("l{level}: &l{level} {{<<: *l{}}}\n", level - 1);
        let text = format!("l0: &l0 {{{}}}\n", fields.join(", ")) + &(1..20).map(level).collect::<String>();
        assert_eq!(read(&text)["l19"].as_object().unwrap().len(), 100);
    }

    #[test]
    fn a_field_that_stands_twice_is_refused() {
        assert_eq!(refused("d: 1\nd: 2\n"), (2, "the field \"d\" appears a second time".to_owned()));
        assert!(refused("kind: A\nkind: B\n").1.ends_with("put a line --- between them"));
    }
}
