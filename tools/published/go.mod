// Modules that ship what others publish of the charts, operators and exporters that we configure; which files,
// tools/published/sources says. They are fetched, never compiled, so there is no more in go.sum than their own sums.
module function-realtime-platform/tools/published

go 1.25.0

require (
	github.com/loft-sh/vcluster v0.36.1
	k8s.io/kube-state-metrics/v2 v2.15.0
	knative.dev/operator v0.50.0
)
