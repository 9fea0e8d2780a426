//! PlatformSettings on the real control plane: applied, changed for one environment, made ambiguous, deleted; and what
//! each claim says of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::live;
use super::user::User;
use support::tools::{run, said, succeed};

const LIMIT: Duration = Duration::from_mins(3);
const PIN: &str = "docker.io/metabase/metabase:v0.0.1";

fn object(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "platform.example.org/v1alpha1", "kind": "PlatformSettings", "metadata": {"name": name}, "spec": spec})
}

/// What the platform team does with settings while these claims run in the environment `streaming`.
pub fn settings(user: &User, claims: &[Value]) {
    let book = user.book;
    book.say("the platform team applies PlatformSettings: the base");
    user.apply(&[object("base", &json!({"limits": {"topics": 100}}))]);
    user.until("each claim names the base", LIMIT, || named(user, claims, Some("base"), None));

    let pin = json!({"environments": ["stream*"], "images": {"pins": {"metabase": PIN}}});
    book.say("the platform team applies settings for the environments stream*: another image of Metabase");
    let plan = live::plan(user, &["--settings", &user.write("stream.yaml", &object("stream", &pin))]);
    user.apply(&[object("stream", &pin)]);
    user.until("each claim names both", LIMIT, || named(user, claims, Some("base"), Some("stream")));
    assert_eq!(image(user), PIN);
    plan.holds(user, LIMIT);

    is_refused(
        user,
        &object("wrong", &json!({"images": {"pins": {"metabase": "metabase:latest"}}})),
        "must end in a tag",
    );
    is_refused(user, &object("wrong", &json!({"storageclass": "gp3"})), "unknown field");

    book.say("a second object matches the same environment");
    user.apply(&[object(
        "second",
        &json!({"environments": ["streaming"], "images": {"registry": "mirror.example.org"}}),
    )]);
    user.until("each claim is refused, and so is each of the two", LIMIT, || {
        refused(user, claims, "only one of second, stream may")?;
        for name in ["stream", "second"] {
            says(&user.get("platformsettings", name)?, "spec.environments: an environment can match")?;
        }
        Ok(())
    });
    assert_eq!(image(user), PIN, "nothing that runs changes");
    remove(user, "second");
    user.until("each claim is settled again", LIMIT, || named(user, claims, Some("base"), Some("stream")));

    let mut delete = user.stage.host();
    let output = run(delete.args(["delete", "platformsettings", "stream", "--wait=false"]));
    let sentence = "Set spec.protected to false to delete the settings all the same";
    assert!(!output.status.success() && said(&output).contains(sentence), "{}", said(&output));
    book.say(&format!("kubectl delete platformsettings stream is refused: {sentence}"));

    remove(user, "stream");
    user.until("each claim is refused", LIMIT, || refused(user, claims, "PlatformSettings stream: is gone"));
    assert_eq!(image(user), PIN, "nothing that runs changes");
    book.say("the platform team takes the settings back as its page says: first for no environment");
    user.apply(&[object("stream", &json!({"environments": []}))]);
    user.until("each claim names the base alone", LIMIT, || named(user, claims, Some("base"), None));
    assert_ne!(image(user), PIN);
    user.apply(&[object("base", &json!({"environments": []}))]);
    user.until("no claim names settings", LIMIT, || named(user, claims, None, None));
    for name in ["stream", "base"] {
        remove(user, name);
    }
    user.until("the claims are as before", LIMIT, || named(user, claims, None, None));
    book.say("no PlatformSettings are left");
}

fn claim(user: &User, claim: &Value) -> Result<Value, String> {
    let kind = claim["kind"].as_str().expect("a claim has a kind").to_lowercase();
    user.get(&kind, claim["metadata"]["name"].as_str().expect("a claim has a name"))
}

/// Whether the claims are settled, and their statuses name these settings.
fn named(user: &User, claims: &[Value], base: Option<&str>, environment: Option<&str>) -> Result<(), String> {
    user.settled(claims)?;
    for asked in claims {
        let found = &claim(user, asked)?["status"]["settings"];
        if (found["base"].as_str(), found["environment"].as_str()) != (base, environment) {
            return Err(format!("{} was composed with {found}", asked["metadata"]["name"]));
        }
    }
    Ok(())
}

fn refused(user: &User, claims: &[Value], sentence: &str) -> Result<(), String> {
    claims.iter().try_for_each(|asked| says(&claim(user, asked)?, sentence))
}

/// Whether the object's condition `Accepted` is false and says this.
fn says(object: &Value, sentence: &str) -> Result<(), String> {
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let accepted = conditions.into_iter().find(|condition| condition["type"] == "Accepted").unwrap_or_default();
    let is_said = accepted["message"].as_str().is_some_and(|message| message.contains(sentence));
    if accepted["status"] == "False" && is_said { Ok(()) } else { Err(format!("Accepted is {accepted}")) }
}

fn is_refused(user: &User, object: &Value, sentence: &str) {
    let file = support::crossplane::write(user.scratch.path(), "wrong.yaml", std::slice::from_ref(object));
    let output = run(user.stage.host().args(["apply", "--filename"]).arg(file));
    assert!(!output.status.success() && said(&output).contains(sentence), "{}", said(&output));
    user.book.say(&format!("the API server refuses {}: {sentence}", object["spec"]));
}

fn remove(user: &User, name: &str) {
    let patch = json!({"spec": {"protected": false}}).to_string();
    succeed(user.stage.host().args(["patch", "platformsettings", name, "--type=merge", "--patch", &patch]));
    user.until("the settings are deleted", LIMIT, || {
        let output = run(user.stage.host().args(["delete", "platformsettings", name, "--ignore-not-found"]));
        if output.status.success() { Ok(()) } else { Err(said(&output)) }
    });
    user.book.say(&format!("the platform team deletes PlatformSettings {name}"));
}

/// Image of Metabase inside.
fn image(user: &User) -> String {
    let path = "jsonpath={.spec.template.spec.containers[0].image}";
    succeed(user.stage.inner().args([
        "get",
        "deployment",
        "metabase-dashboard",
        "--namespace",
        "streaming",
        "--output",
        path,
    ]))
}
