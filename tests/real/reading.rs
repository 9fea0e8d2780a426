//! Comparison with kubectl: files are read as the real kubectl reads the same bytes.

use std::fs;

use realtime_platform_cli::preview::values;
use realtime_platform_core::text::yaml;
use serde_json::{Map, Value, json};
use support::tools::{Scratch, offline, run, said, stdout};

/// Objects that kubectl reads from a file with these bytes, or its error.
fn by_kubectl(bytes: &[u8]) -> Result<Vec<Value>, String> {
    let scratch = Scratch::new("reading");
    let file = scratch.path().join("file.yaml");
    fs::write(&file, bytes).unwrap();
    let output =
        run(offline("kubectl").args(["patch", "--local", "--type=merge", "--patch={}", "-o=json", "-f"]).arg(&file));
    if !output.status.success() {
        return Err(said(&output));
    }
    Ok(serde_json::Deserializer::from_str(&stdout(&output)).into_iter().map(Result::unwrap).collect())
}

/// Value without the order of its fields, and with each number as kubectl prints it.
fn plain(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().map(|(name, field)| (name.clone(), plain(field))).collect();
            fields.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(fields.into_iter().collect())
        }
        // Numbers that no 64-bit integer holds are compared as floating-point numbers, because digits are lost.
        Value::Number(number) if number.as_i64().is_none() => json!(number.as_f64()),
        other => other.clone(),
    }
}

const HEAD: &str = "apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: x}\n";

fn read_alike(bytes: &[u8]) {
    let shown = String::from_utf8_lossy(bytes);
    let theirs: Vec<Value> =
        by_kubectl(bytes).unwrap_or_else(|said| panic!("{shown}\n{said}")).iter().map(plain).collect();
    let ours = values(bytes).unwrap_or_else(|faults| panic!("{shown}\n{faults:?}"));
    assert_eq!(ours.iter().map(plain).collect::<Vec<_>>(), theirs, "{shown}");
}

const SCALARS: &[&str] = &[
    "yes",
    "Yes",
    "YES",
    "no",
    "on",
    "Off",
    "y",
    "N",
    "true",
    "False",
    "yEs",
    "oN",
    "\"yes\"",
    "'no'",
    "!!str yes",
    "~",
    "null",
    "Null",
    "nULL",
    "\"\"",
    "0",
    "-0",
    "+5",
    "010",
    "-010",
    "08",
    "0o10",
    "0O17",
    "0o8",
    "0x1F",
    "0XfF",
    "0x",
    "0b11",
    "0b2",
    "0b-1",
    "0b+1",
    "-0b1",
    "1_000",
    "_1",
    "1_",
    "1__0",
    "3.0",
    "3.",
    ".5",
    "+.5",
    "-1.50",
    "6.048e+08",
    "6.048E8",
    "1e3",
    "1e-3",
    "-2e2",
    "1e25",
    "1e",
    "e3",
    "1e308",
    "1e309",
    "-1e999",
    "1e-999",
    "._5",
    ".5_0",
    "1.2.3",
    "1:30",
    "12:30:45",
    "2024-01-02",
    "2024-01-02T03:04:05Z",
    "10Gi",
    "500m",
    "4",
    "0.5",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551615",
    "12345678901234567890123",
    "b c",
    "-",
    "-x",
    "+",
    ".",
    "..",
    "a#b",
    "http://x:80",
    "!custom x",
    "!!int \"7\"",
    "!!float 7",
    "!!bool \"yes\"",
    "=",
    "<<",
    "infinity",
    "nan",
];

/// Texts that are something else to YAML, or several lines.
const AWKWARD: &[&str] = &[
    " ",
    "- a",
    "?",
    "? a",
    ":",
    ":a",
    "a:",
    "a: b",
    "#",
    "a #b",
    "*a",
    "&a",
    "!a",
    "|",
    ">",
    "%a",
    "@a",
    "`a",
    "'a'",
    "\"a\"",
    "it's",
    "a\\b",
    "[a]",
    "{a}",
    "a,b",
    ",a",
    " a",
    "a ",
    "\ta",
    "a\t",
    "a\n",
    "a\nb",
    "\na",
    "\n",
    "\n\n",
    "a\n\n",
    "  a\nb",
    "a\n  b\n",
    "a \nb",
    "a\t\nb",
    " \n",
    "#c\nb",
    "a\r\nb",
    "a\rb",
    "---",
    "--- a",
    "...",
    "\u{0}",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{2028}",
    "\u{feff}",
    "\u{e000}",
    "\u{fffe}",
    "\u{1b}[0m",
    "{{ a }}",
];

#[test]
fn a_scalar_is_what_kubectl_takes_it_for() {
    // All scalars are in one file, because each file costs a run of kubectl.
    read_alike(format!("{HEAD}list:\n- {}\n", SCALARS.join("\n- ")).as_bytes());
    for scalar in [".inf", "-.Inf", ".nan", "!!int x", "!!int 7.0", "!!float yes", "!!bool 1", "!!null x"] {
        let file = format!("{HEAD}value: {scalar}\n");
        assert!(by_kubectl(file.as_bytes()).is_err(), "{scalar}");
        assert!(values(file.as_bytes()).is_err(), "{scalar}");
    }
}

#[test]
fn what_is_written_is_read_back_by_it() {
    let texts: Vec<&str> = SCALARS.iter().chain(AWKWARD).copied().collect();
    let fields: Map<String, Value> = texts.iter().map(|&text| (text.to_owned(), text.into())).collect();
    let object = json!({"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "x"}, "list": texts, "fields": fields});
    let document = yaml::document(&object).unwrap();
    assert_eq!(by_kubectl(document.as_bytes()), Ok(vec![object]), "{document}");
}

#[test]
fn a_fields_name_is_what_kubectl_takes_it_for() {
    read_alike(format!("{HEAD}on: a\n1: b\n\"no\": c\n2.5: d\nfields: {{n: 1, 'y': 2, 0x10: 3, 3.0: 4}}\n").as_bytes());
}

#[test]
fn every_form_of_yaml_is_read_like_it() {
    for text in [
        "base: &base {a: 1, b: {c: 2}}\nuse: {<<: *base, a: 3}\nlist: [*base, {<<: [*base, {d: 4}]}]\n",
        "text: |\n  a\n    b\n\n  c\nfolded: >-\n  a\n  b\n\n  c\nquoted: \"a\\tb\\u00e9\\\n  c\"\n",
        "list:\n- a\n- - b\n  - c\n-\n  d: e\nempty:\nnothing: {}\nnone: []\n",
        "# a comment\na: b # and another\n\n...\n",
        "? a\n: b\n? c\n: - d\n",
        "a: \"{{ .Values.quoted }}\"\n",
        "list: [a,\tb]\ntab: a\tb\t# c\n",
    ] {
        read_alike(format!("{HEAD}{text}").as_bytes());
    }
    read_alike(b"{\n\t\"apiVersion\": \"example.org/v1\",\n\t\"kind\": \"Thing\",\n\t\"metadata\": {\"name\": \"x\"},\n\t\"n\": 3.0\n}\n");
}

#[test]
fn every_encoding_and_end_of_line_is_read_like_it() {
    let text = format!("{HEAD}text: größer\n");
    let mark = "\u{feff}";
    let utf_16 =
        |unit: fn(u16) -> [u8; 2]| -> Vec<u8> { format!("{mark}{text}").encode_utf16().flat_map(unit).collect() };
    read_alike(format!("{mark}{text}").as_bytes());
    read_alike(format!("{mark}---\n{text}").as_bytes());
    read_alike(format!("{mark}{text}---\n{mark}{text}").as_bytes());
    read_alike(format!("{mark}{text}").replace('\n', "\r\n").as_bytes());
    read_alike(format!("{text}---\n{text}").replace('\n', "\r\n").as_bytes());
    read_alike(&utf_16(u16::to_le_bytes));
    read_alike(&utf_16(u16::to_be_bytes));
}

#[test]
fn what_it_cannot_read_is_told_in_words_and_at_its_line() {
    for (text, line, words) in [
        (format!("{HEAD}a:\n\tb: c\n"), 5, "a tab indents this line: put spaces in its place"),
        (format!("{HEAD}a:\n  b: c\n\td: e\n"), 6, "a tab indents this line: put spaces in its place"),
        (format!("{HEAD}a:\n  - b\n  \t- c\n"), 6, "a tab indents this line: put spaces in its place"),
        (format!("{HEAD}a: {{{{ .Values.a }}}}\n"), 4, "is a template, not YAML: render it first"),
        (
            format!("{HEAD}{{{{- if .Values.a }}}}\na: b\n{{{{- end }}}}\n"),
            4,
            "is a template, not YAML: render it first",
        ),
        (format!("{HEAD}list:\n- {{{{ .Values.a }}}}\n"), 5, "is a template, not YAML: render it first"),
        (format!("{HEAD}{{% if a %}}\na: b\n{{% endif %}}\n"), 4, "is a template, not YAML: render it first"),
        (format!("{HEAD}a: [b\nc: d\n"), 5, "cannot be read as YAML: "),
        (format!("{HEAD}a: b: c\n"), 4, "cannot be read as YAML: "),
    ] {
        assert!(by_kubectl(text.as_bytes()).is_err(), "kubectl reads\n{text}");
        let faults = values(text.as_bytes()).unwrap_err();
        let is_told = |fault: &String| fault.starts_with(&format!("<stdin>:{line}: ")) && fault.contains(words);
        assert!(faults.len() == 1 && is_told(&faults[0]), "{text}{faults:?}");
    }
    // kubectl turns bytes that are not UTF-8 into other letters, or reports that they are not YAML.
    let without_mark: Vec<u8> = HEAD.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [&without_mark, &b"apiVersion: v1\nkind: Thing\nname: gr\xf6\xdfer\n".to_vec()] {
        assert_eq!(values(bytes).unwrap_err(), ["<stdin>: is not text in UTF-8: save it as UTF-8"]);
    }
}

#[test]
fn what_hides_another_line_from_a_parser_of_yaml_1_2_is_refused() {
    for letter in ['\u{85}', '\u{2028}', '\u{2029}'] {
        let text = format!("{HEAD}a: b # c{letter}d: e\n");
        assert_eq!(by_kubectl(text.as_bytes()).unwrap()[0]["d"], "e", "kubectl sees another line");
        let faults = values(text.as_bytes()).unwrap_err();
        assert!(faults[0].starts_with("<stdin>:4: holds U+"), "{faults:?}");
        read_alike(format!("{{\"apiVersion\": \"example.org/v1\", \"kind\": \"Thing\", \"metadata\": {{\"name\": \"x\"}}, \"a\": \"b{letter}c\"}}").as_bytes());
    }
}
