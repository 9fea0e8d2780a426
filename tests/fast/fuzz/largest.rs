//! Size of the largest legal requests, and proof that the server accepts twice that size without a setting.

use function_sdk_rust::proto::v1::{RunFunctionRequest, Severity};
use function_sdk_rust::resource::json_to_struct;
use prost::Message;
use realtime_platform_core::claims::KINDS;
use serde_json::{Value, json};

use support::requests::{desired_keys, provider_config_by};
use support::returned;
use support::server::Server;
use wiring::longest;
use wiring::platform::Written;

/// Largest request for each kind of claim.
pub fn requests() -> Vec<(&'static str, RunFunctionRequest)> {
    let claims = longest::claims();
    let input = longest::input();
    let environment = provider_config_by(&claim(&claims[0]), Some(&input));
    let request =
        |written: &Written| (written.kind, returned::request(&claim(written), Some(&input), Some(&environment)));
    claims.iter().map(request).collect()
}

pub fn claim(written: &Written) -> Value {
    json!({
        "apiVersion": "platform.example.org/v1alpha1",
        "kind": written.kind,
        "metadata": {"name": written.claim.name, "namespace": written.claim.namespace},
        "spec": written.spec,
    })
}

/// Sizes in bytes that docs/fuzz.md lists for each kind.
fn documented_sizes() -> Vec<(String, usize)> {
    let page = include_str!("../../../docs/fuzz.md");
    let rows =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | ")).filter_map(|(kind, rest)| {
            let kilobytes = rest.split_once(" kB |")?.0.replace(',', "").parse::<usize>().ok()?;
            Some((kind.to_owned(), kilobytes * 1000))
        });
    rows.collect()
}

#[test]
fn the_largest_legal_request_is_at_most_half_of_what_is_taken() {
    let server = Server::start(["--insecure"]);
    let told = documented_sizes();
    assert_eq!(told.len(), KINDS.len(), "{told:?}");
    for ((kind, mut request), (of, told)) in requests().into_iter().zip(told) {
        assert_eq!(kind, of);
        let size = request.encoded_len();
        let resources = request.observed.as_ref().unwrap().resources.len();
        println!("{kind}: {} kB, {resources} resources", size.div_ceil(1000));
        let answer = server.run(request.clone());
        assert!(answer.results.iter().all(|result| result.severity() != Severity::Fatal), "{:?}", answer.results);
        assert_eq!(desired_keys(&answer).len(), resources);
        // Padding of the same size, in a field that the function does not read.
        request.context = Some(json_to_struct(json!({"padding": "x".repeat(size)}).as_object().unwrap()));
        assert!(request.encoded_len() > 2 * size);
        server.run(request);
        // The figure in the document may differ by 5 %: claims that may grow change it slightly.
        assert!((told..told + told / 20).contains(&size) || (size..size + size / 20).contains(&told), "{kind}: {size}");
    }
}
