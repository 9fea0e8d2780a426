package io.lenses.streamreactor.connect.mqtt.source;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.errors.ConnectException;

/**
 * Types JSON as the connector's JsonSimpleConverter does: an object is named after its topic or field, a list is of what its
 * first item is, and what does not fit into that is an error.
 */
final class JsonSimple {
    private static final ObjectMapper JSON = new ObjectMapper().configure(JsonParser.Feature.STRICT_DUPLICATE_DETECTION, true);
    private static final Schema KEY = SchemaBuilder.struct().name("MsgKey")
        .field("topic", Schema.STRING_SCHEMA).field("id", Schema.STRING_SCHEMA).build();

    private JsonSimple() {
    }

    static SchemaAndValue read(String topic, byte[] payload) {
        try {
            return typed(topic, JSON.readTree(payload));
        } catch (IOException error) {
            throw new ConnectException("not JSON: " + error.getMessage(), error);
        }
    }

    /** The field that a path names; without a path, or where a message has no fields, the message's topic and number. */
    static SchemaAndValue key(String path, SchemaAndValue message, String topic, int id) {
        if (path == null || !(message.value() instanceof Struct)) {
            return new SchemaAndValue(KEY, new Struct(KEY).put("topic", topic).put("id", String.valueOf(id)));
        }
        Object at = message.value();
        for (String name : path.split("\\.")) {
            at = at instanceof Struct struct ? struct.get(name) : null;
        }
        if (at == null || at instanceof Struct || at instanceof List) {
            throw new ConnectException("the message has no plain field " + path);
        }
        return new SchemaAndValue(Schema.STRING_SCHEMA, at.toString());
    }

    private static SchemaAndValue typed(String name, JsonNode json) {
        return switch (json.getNodeType()) {
            case OBJECT -> struct(name, json);
            case ARRAY -> list(name, json);
            case BOOLEAN -> new SchemaAndValue(Schema.OPTIONAL_BOOLEAN_SCHEMA, json.asBoolean());
            case NUMBER -> json.isIntegralNumber()
                ? new SchemaAndValue(Schema.OPTIONAL_INT64_SCHEMA, json.asLong())
                : new SchemaAndValue(Schema.OPTIONAL_FLOAT64_SCHEMA, json.asDouble());
            case STRING -> new SchemaAndValue(Schema.OPTIONAL_STRING_SCHEMA, json.asText());
            case NULL -> new SchemaAndValue(Schema.OPTIONAL_STRING_SCHEMA, null);
            default -> throw new ConnectException("no JSON at all");
        };
    }

    private static SchemaAndValue list(String name, JsonNode json) {
        List<Object> items = new ArrayList<>();
        json.forEach(item -> items.add(typed(name, item).value()));
        if (items.isEmpty()) {
            throw new ConnectException("a list without a first item has no type");
        }
        return new SchemaAndValue(SchemaBuilder.array(typed(name, json.get(0)).schema()).optional().build(), items);
    }

    private static SchemaAndValue struct(String name, JsonNode json) {
        SchemaBuilder builder = SchemaBuilder.struct().name(name.replace('/', '_'));
        Map<String, Object> content = new LinkedHashMap<>();
        json.properties().forEach(field -> {
            SchemaAndValue typed = typed(field.getKey(), field.getValue());
            builder.field(field.getKey(), typed.schema());
            content.put(field.getKey(), typed.value());
        });
        Schema schema = builder.build();
        Struct struct = new Struct(schema);
        content.forEach(struct::put);
        return new SchemaAndValue(schema, struct);
    }
}
