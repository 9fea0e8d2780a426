package io.lenses.streamreactor.connect.mqtt.source;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTask;
import org.eclipse.paho.client.mqttv3.IMqttDeliveryToken;
import org.eclipse.paho.client.mqttv3.MqttCallback;
import org.eclipse.paho.client.mqttv3.MqttClient;
import org.eclipse.paho.client.mqttv3.MqttConnectOptions;
import org.eclipse.paho.client.mqttv3.MqttException;
import org.eclipse.paho.client.mqttv3.MqttMessage;
import org.eclipse.paho.client.mqttv3.persist.MemoryPersistence;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads with the client library that the connector itself uses, and as it does: a message is acknowledged once it stands in a
 * queue in memory, and one that its converter cannot read is logged and left out.
 */
public class MqttSourceTask extends SourceTask implements MqttCallback {
    private static final Logger LOG = LoggerFactory.getLogger(MqttSourceTask.class);

    private final BlockingQueue<SourceRecord> arrived = new LinkedBlockingQueue<>();
    private List<MqttSourceConnector.Statement> statements;
    private MqttClient client;

    @Override
    public void start(Map<String, String> given) {
        AbstractConfig settings = new AbstractConfig(MqttSourceConnector.SETTINGS, given, false);
        MqttConnectOptions options = new MqttConnectOptions();
        options.setCleanSession(settings.getBoolean("connect.mqtt.clean"));
        options.setKeepAliveInterval(settings.getInt("connect.mqtt.keep.alive"));
        options.setConnectionTimeout(settings.getInt("connect.mqtt.timeout"));
        options.setUserName(settings.getString("connect.mqtt.username"));
        options.setPassword(settings.getPassword("connect.mqtt.password").value().toCharArray());
        statements = MqttSourceConnector.Statement.of(settings.getString("connect.mqtt.kcql"));
        try {
            String host = settings.getString("connect.mqtt.hosts").split(",")[0];
            client = new MqttClient(host, settings.getString("connect.mqtt.client.id"), new MemoryPersistence());
            client.setCallback(this);
            client.connect(options);
            for (var statement : statements) {
                client.subscribe(statement.mqtt(), settings.getInt("connect.mqtt.service.quality"));
            }
        } catch (MqttException error) {
            throw new ConnectException("cannot read from the broker: " + error.getMessage(), error);
        }
    }

    @Override
    public void messageArrived(String topic, MqttMessage message) {
        var statement = statements.stream().filter(known -> known.takes(topic)).findFirst()
            .orElseThrow(() -> new ConfigException("no statement takes the topic " + topic));
        try {
            arrived.add(record(statement, topic, message));
        } catch (RuntimeException error) {
            LOG.warn("Error is handled. Message will be lost! Id = {} on topic={}", message.getId(), topic, error);
        }
    }

    private static SourceRecord record(MqttSourceConnector.Statement statement, String topic, MqttMessage message) {
        SchemaAndValue value = statement.json()
            ? JsonSimple.read(topic, message.getPayload())
            : new SchemaAndValue(Schema.BYTES_SCHEMA, message.getPayload());
        SchemaAndValue key = JsonSimple.key(statement.key(), value, topic, message.getId());
        Map<String, String> partition = Map.of("topic", topic);
        return new SourceRecord(partition, null, statement.kafka(), key.schema(), key.value(), value.schema(), value.value());
    }

    @Override
    public void connectionLost(Throwable cause) {
        LOG.warn("Connection lost", cause);
    }

    @Override
    public void deliveryComplete(IMqttDeliveryToken token) {
        // It publishes nothing.
    }

    @Override
    public List<SourceRecord> poll() throws InterruptedException {
        if (!client.isConnected()) {
            throw new ConnectException("the broker is gone");
        }
        List<SourceRecord> records = new ArrayList<>();
        SourceRecord first = arrived.poll(200, TimeUnit.MILLISECONDS);
        if (first == null) {
            return null;
        }
        records.add(first);
        arrived.drainTo(records);
        return records;
    }

    @Override
    public void stop() {
        try {
            if (client != null) {
                client.disconnectForcibly(0, 1000);
                client.close(true);
            }
        } catch (MqttException error) {
            // The connection is gone, which is what was wanted.
            return;
        }
    }

    @Override
    public String version() {
        return "stand-in";
    }
}
