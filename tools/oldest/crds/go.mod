// Modules that ship the schemas of the kinds we compose; which files, tools/crds/sources says. They are fetched, never
// compiled, so there is no more in go.sum than their own sums.
module function-realtime-platform/tools/crds

go 1.25.0

require (
	github.com/cloudnative-pg/cloudnative-pg v1.30.0
	github.com/cloudnative-pg/plugin-barman-cloud v0.13.0
	github.com/crossplane-contrib/provider-helm v1.3.0
	github.com/crossplane-contrib/provider-kubernetes v1.2.1
	github.com/crossplane/crossplane/v2 v2.3.4
	github.com/external-secrets/external-secrets v1.3.2
	github.com/loft-sh/cluster-api-provider-vcluster v0.2.2
	github.com/oam-dev/kubevela v1.10.9
	github.com/prometheus-operator/prometheus-operator v0.93.1
	github.com/rabbitmq/cluster-operator/v2 v2.22.1
	istio.io/api v1.31.1
	knative.dev/operator v0.50.0
	sigs.k8s.io/cluster-api v1.13.6
)
