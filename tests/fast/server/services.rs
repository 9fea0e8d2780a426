//! Services beside the function itself: health and reflection.

use tokio_stream::{StreamExt, once};
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_reflection::pb::{v1, v1alpha};

use crate::server::SERVICE;
use support::server::{Server, health};

#[test]
fn health_is_told_for_the_server_and_for_the_service() {
    let server = Server::start(["--insecure"]);
    let told = |service| server.block_on(health(server.channel(), service));
    assert_eq!(told("").unwrap(), ServingStatus::Serving);
    assert_eq!(told(SERVICE).unwrap(), ServingStatus::Serving);
    assert_eq!(told("another").unwrap_err().code(), Code::NotFound);
}

#[test]
fn reflection_lists_the_service_in_both_versions() {
    let server = Server::start(["--insecure"]);
    let new = server.block_on(async {
        let question = v1::ServerReflectionRequest {
            message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(String::new())),
            ..Default::default()
        };
        let mut client = v1::server_reflection_client::ServerReflectionClient::new(server.channel());
        let mut answers = client.server_reflection_info(once(question)).await.unwrap().into_inner();
        format!("{:?}", answers.next().await.unwrap().unwrap())
    });
    let old = server.block_on(async {
        let question = v1alpha::ServerReflectionRequest {
            message_request: Some(v1alpha::server_reflection_request::MessageRequest::ListServices(String::new())),
            ..Default::default()
        };
        let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(server.channel());
        let mut answers = client.server_reflection_info(once(question)).await.unwrap().into_inner();
        format!("{:?}", answers.next().await.unwrap().unwrap())
    });
    for listed in [new, old] {
        assert!(listed.contains(SERVICE), "{listed}");
        assert!(listed.contains("grpc.health.v1.Health"), "{listed}");
    }
}
