// Modules that ship what others publish of the charts, operators and exporters that we configure; which files,
// tools/published/sources says. They are fetched, never compiled, so there is no more in go.sum than their own sums.
module function-realtime-platform/tools/published

go 1.25.0

require (
	github.com/cloudnative-pg/cloudnative-pg v1.30.0
	github.com/loft-sh/vcluster v0.36.1
	// The commit of Istio 1.31.0: releases of Istio are not tagged as Go modules.
	istio.io/istio v0.0.0-20260827124520-eed52ebb66ad
	k8s.io/kube-state-metrics/v2 v2.15.0
	knative.dev/operator v0.50.0
)
