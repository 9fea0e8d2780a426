package com.snowflake.kafka.connector;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collection;
import java.util.Map;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;

/** A table is a file in the folder that the system property `tables` names, a row is a line of it. */
public class SnowflakeSinkTask extends SinkTask {
    private Map<String, String> tables;

    @Override
    public void start(Map<String, String> given) {
        tables = SnowflakeSinkConnector.tables(given.get("snowflake.topic2table.map"));
    }

    @Override
    public void put(Collection<SinkRecord> records) {
        for (SinkRecord record : records) {
            Path table = Path.of(System.getProperty("tables"), tables.get(record.topic()));
            try {
                Files.writeString(table, record.value() + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
            } catch (IOException error) {
                throw new ConnectException(error);
            }
        }
    }

    @Override
    public void stop() {
    }

    @Override
    public String version() {
        return "stand-in";
    }
}
