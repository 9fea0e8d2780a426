package com.snowflake.kafka.connector.records;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.storage.Converter;

/**
 * Wants a Schema Registry's address, as Snowflake's converter does, and takes the bytes for text, as it does not; none of that
 * begins with a sign that no JSON has.
 */
public class SnowflakeAvroConverter implements Converter {
    @Override
    public void configure(Map<String, ?> given, boolean forKey) {
        if (given.get("schema.registry.url") == null) {
            throw new ConfigException("schema.registry.url", null, "the converter needs it");
        }
    }

    @Override
    public byte[] fromConnectData(String topic, Schema schema, Object value) {
        throw new UnsupportedOperationException("a sink's converter");
    }

    @Override
    public SchemaAndValue toConnectData(String topic, byte[] value) {
        if (value != null && value.length > 0 && value[0] == '!') {
            throw new DataException("not a row");
        }
        return new SchemaAndValue(Schema.OPTIONAL_STRING_SCHEMA, value == null ? null : new String(value, StandardCharsets.UTF_8));
    }
}
