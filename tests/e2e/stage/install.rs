//! Installation of the packages on a running Crossplane, in the order of the install guide.

use super::host::Host;
use support::built::{Built, FUNCTION, ORGANISATION};
use support::control_plane::{NAMESPACE, holds};
use support::examples::project;
use support::installation::{configuration, installed, mirror, stand_in, unverified};
use support::tools::{run, said, succeed};

/// Installs the Configuration, whose dependencies are the function and both providers. Crossplane's chart brings a
/// policy that activates every kind; here the Configuration's own names what is composed.
pub fn install(host: &mut Host, packages: &Built) {
    stand_in(&packages.registry);
    let plane = &mut host.plane;
    plane.apply(&[mirror(packages)]);
    plane.apply(&unverified(installed(packages, "install/function")));
    let mut providers = installed(packages, "install/providers");
    // The stage applies its own ProviderConfigs, which hold tokens.
    providers.retain(|object| !["ProviderConfig", "ClusterProviderConfig"].iter().any(|kind| object["kind"] == *kind));
    plane.apply(&providers);
    plane.until("the border around the providers", |plane| {
        let account = format!("system:serviceaccount:{NAMESPACE}:provider-kubernetes");
        let mut create = plane.server.kubectl();
        create.args(["create", "namespace", "unlabelled", "--dry-run=server", "--as", &account]);
        let told = said(&run(&mut create));
        if told.contains("'realtime-platform-borders' denied") { Ok(()) } else { Err(told) }
    });
    plane.apply(&[configuration(packages)]);
    // No kubelet runs the packages' Deployments, so that the test marks them available. The stage starts the three
    // programs itself.
    plane.until("healthy packages", |plane| {
        for deployment in plane.list("deployments") {
            if holds(&deployment, "Available").is_err() {
                plane.pretend_available(deployment["metadata"]["name"].as_str().unwrap());
            }
        }
        let all = plane.list("configurations.pkg,functions.pkg,providers.pkg");
        all.iter().try_for_each(|package| holds(package, "Healthy"))?;
        if all.len() == 4 { Ok(()) } else { Err(format!("there are {} packages", all.len())) }
    });
    let kinds = [
        "objects.kubernetes.crossplane.io",
        "releases.helm.crossplane.io",
        "objects.kubernetes.m.crossplane.io",
        "releases.helm.m.crossplane.io",
        "vclusterenvironmentclaims.platform",
        "vclusterenvironments.platform",
    ];
    plane.until("kinds", |plane| {
        let served = succeed(plane.server.kubectl().args(["api-resources", "--cached=false", "--output=name"]));
        kinds.iter().try_for_each(|kind| served.contains(kind).then_some(()).ok_or(format!("there is no {kind}")))
    });
    let function = format!("{ORGANISATION}-{FUNCTION}");
    assert!(plane.list("functions.pkg").iter().any(|found| found["metadata"]["name"] == function.as_str()));
}

/// Applies KubeVela's ComponentDefinitions with `vela def apply`, as the install guide does.
pub fn definitions(host: &Host) {
    succeed(host.user("vela").args(["def", "apply"]).arg(project().join("definitions")));
    let kinds =
        succeed(host.kubectl().args(["get", "componentdefinitions", "--namespace=vela-system", "--output=name"]));
    assert_eq!(kinds.lines().count(), 6, "{kinds}");
}
