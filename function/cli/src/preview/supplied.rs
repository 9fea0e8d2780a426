//! Properties of a component that KubeVela sets only when it deploys the Application: by an input of the component or
//! of a workflow step, or by an `override` policy. This module does not depend on the meaning of the properties.

use regex_lite::Regex;
use serde_json::Value;

/// Property of an Application's component that KubeVela sets at deployment, with the input, workflow step or policy
/// that sets the property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brought {
    /// Path of a property that KubeVela sets at deployment, inside the component's `properties`, such as
    /// `kafkaConfig.storage`.
    pub property: String,
    pub by: String,
}

impl Brought {
    /// Whether a value that KubeVela sets at deployment determines the component's property at the path `property`. The
    /// value does so if KubeVela sets the property itself, a field inside the property, or an object around it.
    pub fn decides(&self, property: &str) -> bool {
        is_at_or_below(property, &self.property) || is_at_or_below(&self.property, property)
    }
}

fn is_at_or_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// All properties of a component that KubeVela sets only when it deploys the Application.
pub fn to_component(application: &Value, component: &Value) -> Vec<Brought> {
    let mut brought: Vec<Brought> = inputs(component, &|from| format!("the input from {from}")).collect();
    for step in steps(application) {
        let step_name = text(step, "name");
        let named = step.pointer("/properties/component").and_then(Value::as_str);
        // The inputs of a workflow step that names a component set properties of that component only. The inputs of a
        // step that names no component may set properties of every component.
        if named.is_none_or(|named| named == text(component, "name")) {
            brought.extend(inputs(step, &|from| format!("the input from {from} of workflow step {step_name}")));
        }
    }
    for policy in list(application, "/spec/policies").filter(|policy| text(policy, "type") == "override") {
        for over in list(policy, "/properties/components").filter(|over| is_for(over, component)) {
            let by = format!("the policy {}", text(policy, "name"));
            leaves(over.get("properties").unwrap_or(&Value::Null), "", &mut |property| {
                brought.push(Brought { property, by: by.clone() });
            });
        }
    }
    brought
}

/// Workflow steps of an Application, including the sub-steps of step groups.
fn steps(application: &Value) -> impl Iterator<Item = &Value> {
    let steps = list(application, "/spec/workflow/steps");
    steps.flat_map(|step| std::iter::once(step).chain(list(step, "/subSteps")))
}

/// Properties that KubeVela sets by the `inputs` of a component or of a workflow step. An input for a trait is skipped,
/// because it sets no property of the component.
fn inputs<'a>(holder: &'a Value, by: &'a dyn Fn(&str) -> String) -> impl Iterator<Item = Brought> {
    list(holder, "/inputs").filter_map(move |input| {
        let key = text(input, "parameterKey");
        let property = key.strip_prefix("properties.").unwrap_or(key);
        let is_ours = !property.is_empty() && !property.starts_with("traits");
        is_ours.then(|| Brought { property: property.to_owned(), by: by(text(input, "from")) })
    })
}

/// Whether an entry of an Application's `override` policy applies to a component. A name in the entry selects by the
/// component's name, and may contain `*`; a type alone selects by the component's type; an entry without both applies
/// to every component.
fn is_for(over: &Value, component: &Value) -> bool {
    let (name, of_type) = (text(over, "name"), text(over, "type"));
    if name.is_empty() {
        return of_type.is_empty() || of_type == text(component, "type");
    }
    Regex::new(&name.replace('*', ".*")).is_ok_and(|name| name.is_match(text(component, "name")))
}

fn leaves(value: &Value, path: &str, found: &mut dyn FnMut(String)) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, field) in fields {
                let at = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                leaves(field, &at, found);
            }
        }
        _ if path.is_empty() => {}
        _ => found(path.to_owned()),
    }
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_comes_later_is_found_wherever_an_application_says_so() {
        let application = json!({"spec": {
            "workflow": {"steps": [
                {"name": "s", "type": "apply-component", "properties": {"component": "mqtt"}, "inputs": [{"from": "b", "parameterKey": "properties.domain"}]},
                {"name": "t", "type": "apply-component", "properties": {"component": "other"}, "inputs": [{"from": "b", "parameterKey": "expose"}]},
                {"name": "g", "type": "step-group", "subSteps": [{"name": "u", "type": "x", "inputs": [{"from": "c", "parameterKey": "retain"}]}]},
            ]},
            "policies": [
                {"name": "p", "type": "override", "properties": {"components": [
                    {"name": "mq*", "properties": {"mqttConfig": {"storage": "1Gi", "users": []}}},
                    {"type": "other", "properties": {"a": 1}},
                    {"properties": {"all": 1}},
                ]}},
                {"name": "q", "type": "topology", "properties": {"components": [{"properties": {"b": 1}}]}},
            ],
        }});
        let component = json!({"name": "mqtt", "type": "iot-broker", "inputs": [
            {"from": "a", "parameterKey": "namespace"}, {"from": "a", "parameterKey": "traits[0].x"}, {"from": "a"},
        ]});
        let brought = to_component(&application, &component);
        let found: Vec<(&str, &str)> = brought.iter().map(|it| (it.property.as_str(), it.by.as_str())).collect();
        assert_eq!(
            found,
            [
                ("namespace", "the input from a"),
                ("domain", "the input from b of workflow step s"),
                ("retain", "the input from c of workflow step u"),
                ("mqttConfig.storage", "the policy p"),
                ("mqttConfig.users", "the policy p"),
                ("all", "the policy p"),
            ]
        );
        let by = |property: &str| Brought { property: property.to_owned(), by: String::new() };
        assert!(by("a.b").decides("a") && by("a.b").decides("a.b") && by("a.b").decides("a.b[0].c"));
        assert!(!by("a.b").decides("a.bc") && !by("a.b").decides("a.c"));
    }
}
