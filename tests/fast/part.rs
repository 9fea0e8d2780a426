//! The page about new parts, walked through from its first step to its last in a copy of the checkout: its changes
//! apply, compile without a warning and in the usual layout, its commands end well and print what it shows, and the
//! model in `tests/wiring` finds nothing wrong.

mod checkout;
mod steps;

use checkout::Checkout;
use steps::Step;

use crate::docs::markdown;

fn page() -> Vec<Step> {
    let documents = markdown::documents();
    steps::of(documents.iter().find(|document| document.name == "docs/adding-a-part.md").unwrap())
}

#[test]
fn a_part_is_added_as_the_page_says() {
    let steps = page();
    let changes = steps.iter().filter_map(|step| if let Step::Change(change) = step { Some(change) } else { None });
    let checkout = Checkout::changed_by(changes);
    assert!(checkout.by_hand.len() <= 3, "more files by hand than the page says: {:?}", checkout.by_hand);
    let told = checkout.cargo(&["fmt", "--check", "--package", "realtime-platform-core"]);
    assert!(told.is_empty(), "not in the usual layout:\n{told}");
    checkout.cargo(&["clippy", "--offline", "--package", "realtime-platform-core", "--", "-D", "warnings"]);
    // The suite brings the program with it.
    let built = checkout.cargo(&["test", "--no-run", "--offline", "--test", "fast"]);
    assert!(!built.contains("warning: "), "{built}");
    let mut printed = None;
    for step in &steps {
        match step {
            Step::Change(_) => {}
            Step::Command(command) => printed = Some(checkout.runs(command)),
            Step::Shows(lines) => {
                let printed = printed.take().expect("a command before what is shown");
                assert!(steps::fits(lines, &printed), "the page shows\n{}\nof\n{printed}", lines.join("\n"));
            }
        }
    }
    let picture = checkout.runs("cargo run --quiet -- preview -o svg examples/minimal");
    let arrow = "Landing page leads to Landing: landing.streaming.local leads to landing-page:8080";
    assert!(picture.contains(arrow), "the picture does not have the way to the page");
    let schema = checkout.text("xrds/realtime-system.yaml");
    assert!(schema.contains("description: Page that links to the others"), "the schema of the status has no address");
}

#[test]
fn a_step_that_does_not_fit_is_refused() {
    let source = "a\nb\nc\nb\n".to_owned();
    let apply = |diff: &[&str]| steps::applied(&source, &diff.iter().map(|&line| line.to_owned()).collect::<Vec<_>>());
    assert_eq!(apply(&[" a", "+x", " b"]).as_deref(), Ok("a\nx\nb\nc\nb\n"));
    assert_eq!(apply(&["-a", "@@", " c", "+d"]).as_deref(), Ok("b\nc\nd\nb\n"));
    for wrong in [&[" a", "+x", " c"][..], &[" b", "+x"], &[" a", "@@", " c", "+d"], &["x"]] {
        assert!(apply(wrong).is_err(), "{wrong:?}");
    }
}
