//! Stand-in for a cloud's load balancer: assigns each Service of type `LoadBalancer` an address from a range reserved
//! for documentation.

use serde_json::json;

use super::StandIn;
use super::cluster::{Cluster, Kind, Trouble, is_leaving};
use super::journal::Journal;

const SERVICES: Kind = Kind::new("api/v1", "services");
const ADDRESS: &str = "192.0.2.1";

pub struct LoadBalancer;

impl StandIn for LoadBalancer {
    async fn look(&mut self, inner: &Cluster, _: &Journal) -> Result<(), Trouble> {
        for service in inner.list(SERVICES).await? {
            let asks = service["spec"]["type"] == "LoadBalancer" && !is_leaving(&service);
            if asks && service["status"]["loadBalancer"]["ingress"].is_null() {
                let status = json!({"loadBalancer": {"ingress": [{"ip": ADDRESS}]}});
                inner.set_status(SERVICES, &service, &status).await?;
            }
        }
        Ok(())
    }
}
