// Command cloudnative-pg-metrics prints the metrics of one PostgreSQL as the manager in a pod of CloudNativePG serves them:
// by the operator's own exporter and with its default queries. PGHOST and PGPORT name the server's socket, and the
// arguments its folder of data and the operator's file of queries. There is no plugin beside it.
package main

import (
	"context"
	"fmt"
	"os"

	apiv1 "github.com/cloudnative-pg/cloudnative-pg/api/v1"
	"github.com/cloudnative-pg/cloudnative-pg/pkg/management/postgres"
	"github.com/cloudnative-pg/cloudnative-pg/pkg/management/postgres/metrics"
	"github.com/cloudnative-pg/cloudnative-pg/pkg/management/postgres/webserver/metricserver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

type noPlugin struct{}

func (noPlugin) Collect(context.Context, chan<- prometheus.Metric, *apiv1.Cluster) error { return nil }

func (noPlugin) Describe(context.Context, chan<- *prometheus.Desc, *apiv1.Cluster) {}

func main() {
	if err := show(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func show(data, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var queries corev1.ConfigMap
	if err := yaml.Unmarshal(text, &queries); err != nil {
		return err
	}
	instance := postgres.NewInstance().WithNamespace("streaming").WithClusterName("lenses-backend-postgres").WithPodName("pod")
	instance.PgData = data
	if err := prepare(instance); err != nil {
		return err
	}
	collector := metrics.NewQueriesCollector("cnpg", instance, "postgres")
	collector.InjectUserQueries(metricserver.DefaultQueries)
	if err := collector.ParseQueries([]byte(queries.Data["queries"])); err != nil {
		return err
	}
	exporter := metricserver.NewExporter(instance, noPlugin{})
	registry := prometheus.NewRegistry()
	if err := registry.Register(exporter); err != nil {
		return err
	}
	// The manager has the queries later than its server of metrics.
	exporter.SetCustomQueries(collector)
	families, err := registry.Gather()
	if err != nil {
		return err
	}
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(os.Stdout, family); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes the exporter's role, as the manager does at a primary. A standby has it from there.
func prepare(instance *postgres.Instance) error {
	if primary, err := instance.IsPrimary(); err != nil || !primary {
		return err
	}
	db, err := instance.GetSuperUserDB()
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	if err := postgres.SetupMetricsExporterRole(context.Background(), tx); err != nil {
		return err
	}
	return tx.Commit()
}
