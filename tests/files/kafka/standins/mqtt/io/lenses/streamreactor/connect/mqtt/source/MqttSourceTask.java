package io.lenses.streamreactor.connect.mqtt.source;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTask;
import org.eclipse.paho.client.mqttv3.MqttClient;
import org.eclipse.paho.client.mqttv3.MqttConnectOptions;
import org.eclipse.paho.client.mqttv3.MqttException;
import org.eclipse.paho.client.mqttv3.persist.MemoryPersistence;

/** Reads with the client library that the connector itself uses, and types JSON as its JsonSimpleConverter does. */
public class MqttSourceTask extends SourceTask {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final BlockingQueue<SourceRecord> arrived = new LinkedBlockingQueue<>();
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
        try {
            String host = settings.getString("connect.mqtt.hosts").split(",")[0];
            client = new MqttClient(host, settings.getString("connect.mqtt.client.id"), new MemoryPersistence());
            client.connect(options);
            for (var statement : MqttSourceConnector.Statement.of(settings.getString("connect.mqtt.kcql"))) {
                int quality = settings.getInt("connect.mqtt.service.quality");
                client.subscribe(statement.mqtt(), quality, (topic, message) -> arrive(statement, topic, message.getPayload()));
            }
        } catch (MqttException error) {
            throw new ConnectException("cannot read from the broker: " + error.getMessage(), error);
        }
    }

    private void arrive(MqttSourceConnector.Statement statement, String topic, byte[] payload) {
        try {
            JsonNode message = JSON.readTree(new String(payload));
            Object key = statement.key() == null ? topic : message.path(statement.key()).asText();
            Struct value = typed(topic.replace('/', '_'), message);
            arrived.add(new SourceRecord(Map.of("topic", topic), Map.of(), statement.kafka(), Schema.STRING_SCHEMA, key, value.schema(), value));
        } catch (JsonProcessingException error) {
            // As with converter.throw.on.error=false: what is no JSON is left out.
            return;
        }
    }

    private static Struct typed(String name, JsonNode message) {
        SchemaBuilder builder = SchemaBuilder.struct().name(name);
        message.fields().forEachRemaining(field -> builder.field(field.getKey(), schema(field.getValue())));
        Struct value = new Struct(builder.build());
        message.fields().forEachRemaining(field -> value.put(field.getKey(), content(field.getValue())));
        return value;
    }

    private static Schema schema(JsonNode value) {
        if (value.isIntegralNumber()) {
            return Schema.OPTIONAL_INT64_SCHEMA;
        }
        if (value.isNumber()) {
            return Schema.OPTIONAL_FLOAT64_SCHEMA;
        }
        return value.isBoolean() ? Schema.OPTIONAL_BOOLEAN_SCHEMA : Schema.OPTIONAL_STRING_SCHEMA;
    }

    private static Object content(JsonNode value) {
        if (value.isIntegralNumber()) {
            return value.asLong();
        }
        if (value.isNumber()) {
            return value.asDouble();
        }
        return value.isBoolean() ? (Object) value.asBoolean() : value.asText();
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
