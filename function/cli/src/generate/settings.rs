//! Settings that a platform team has written into a generated Composition. The command `generate` keeps them, with
//! their comments, when it writes the Composition again. This module does not depend on the meaning of a setting.

use realtime_platform_core::text::yaml;
use serde_json::Value;

/// JSON pointer, in a generated Composition, to its only pipeline step. That step calls the function.
const STEP: &str = "/spec/pipeline/0";

/// New text of a generated Composition, with the settings of the existing text; `None` if these cannot be kept
/// unchanged. The text of any other generated file is returned as it is.
pub fn kept(before: &str, generated: &str) -> Option<String> {
    let Some(new) = composition(generated) else { return Some(generated.to_owned()) };
    let old = composition(before)?;
    if input(&old) == input(&new) && steps(&old) == 1 {
        return Some(generated.to_owned());
    }
    let (head, _) = at_input(generated)?;
    let (_, settings) = at_input(before)?;
    let kept = format!("{head}{settings}");
    let same = composition(&kept)?;
    (steps(&old) == 1 && steps(&same) == 1 && input(&same) == input(&old)).then_some(kept)
}

/// Whether the content of a file is a Composition to which a platform team has added settings or pipeline steps, so
/// that the file must not be removed.
pub fn are_in(content: &str) -> bool {
    composition(content).is_some_and(|composition| {
        let fields = input(&composition).and_then(Value::as_object);
        let is_setting = |name: &String| !matches!(name.as_str(), "apiVersion" | "kind");
        steps(&composition) != 1 || fields.is_some_and(|fields| fields.keys().any(is_setting))
    })
}

fn composition(content: &str) -> Option<Value> {
    let value = yaml::read::value(content)?;
    (value.get("kind")? == "Composition").then_some(value)
}

fn steps(composition: &Value) -> usize {
    composition.pointer("/spec/pipeline").and_then(Value::as_array).map_or(0, Vec::len)
}

fn input(composition: &Value) -> Option<&Value> {
    composition.pointer(STEP)?.get("input")
}

/// Text of a generated Composition in two pieces: up to the function's input, and from the input on. The input, which
/// has the settings, is the last field.
fn at_input(content: &str) -> Option<(&str, &str)> {
    let at = content.find("\n    input:")? + 1;
    Some(content.split_at(at))
}
