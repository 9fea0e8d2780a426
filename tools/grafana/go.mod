// Grafana's own types, and the few lines that read a dashboard with them.
module function-realtime-platform/tools/grafana

go 1.25.0

require github.com/grafana/grafana-foundation-sdk/go v0.0.18
