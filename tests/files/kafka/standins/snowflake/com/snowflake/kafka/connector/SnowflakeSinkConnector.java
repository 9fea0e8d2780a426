package com.snowflake.kafka.connector;

import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.kafka.common.config.Config;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Type;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.common.config.types.Password;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.sink.SinkConnector;

/**
 * In the place of Snowflake's sink, which no registry has here: takes the settings that its release 3.5.4 knows, refuses
 * every other key of its own, reads the private key as it does, and writes its rows to files.
 */
public class SnowflakeSinkConnector extends SinkConnector {
    private static final Pattern ADDRESS = Pattern.compile("(https://)?[A-Za-z0-9._-]+\\.snowflakecomputing\\.com(:\\d+)?");

    static final ConfigDef SETTINGS = new ConfigDef()
        .define("snowflake.url.name", Type.STRING, ConfigDef.NO_DEFAULT_VALUE, (name, value) -> {
            if (!ADDRESS.matcher((String) value).matches()) {
                throw new ConfigException(name, value, "not an account's address");
            }
        }, Importance.HIGH, "")
        .define("snowflake.user.name", Type.STRING, ConfigDef.NO_DEFAULT_VALUE, new ConfigDef.NonEmptyString(), Importance.HIGH, "")
        .define("snowflake.private.key", Type.PASSWORD, ConfigDef.NO_DEFAULT_VALUE, (name, value) -> readKey(name, ((Password) value).value()),
            Importance.HIGH, "")
        .define("snowflake.private.key.passphrase", Type.PASSWORD, null, Importance.LOW, "")
        .define("snowflake.database.name", Type.STRING, ConfigDef.NO_DEFAULT_VALUE, new ConfigDef.NonEmptyString(), Importance.HIGH, "")
        .define("snowflake.schema.name", Type.STRING, ConfigDef.NO_DEFAULT_VALUE, new ConfigDef.NonEmptyString(), Importance.HIGH, "")
        .define("snowflake.role.name", Type.STRING, null, Importance.LOW, "")
        .define("snowflake.topic2table.map", Type.STRING, "", (name, value) -> tables((String) value), Importance.LOW, "")
        .define("snowflake.ingestion.method", Type.STRING, "SNOWPIPE", ConfigDef.ValidString.in("SNOWPIPE", "SNOWPIPE_STREAMING"), Importance.LOW, "")
        .define("buffer.count.records", Type.LONG, 10000, Importance.LOW, "")
        .define("buffer.size.bytes", Type.LONG, 5000000, Importance.LOW, "")
        .define("buffer.flush.time", Type.LONG, 120, Importance.LOW, "");

    private static void readKey(String name, String text) {
        String body = text.replaceAll("-+[A-Za-z ]+-+", "").replaceAll("\\s", "");
        try {
            KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(body)));
        } catch (GeneralSecurityException | IllegalArgumentException error) {
            throw new ConfigException(name, "(hidden)", "not an RSA key in PKCS#8");
        }
    }

    static Map<String, String> tables(String text) {
        Map<String, String> tables = new HashMap<>();
        for (String pair : text.isEmpty() ? new String[0] : text.split(",")) {
            String[] both = pair.split(":");
            if (both.length != 2 || !both[1].matches("[A-Za-z_][A-Za-z0-9_$]*") || tables.put(both[0], both[1]) != null) {
                throw new ConfigException("snowflake.topic2table.map", text, "not topic:table, topic:table");
            }
        }
        return tables;
    }

    private Map<String, String> given;

    @Override
    public Config validate(Map<String, String> given) {
        Config checked = super.validate(given);
        for (String key : given.keySet()) {
            boolean own = key.startsWith("snowflake.") || key.startsWith("buffer.");
            if (own && !SETTINGS.names().contains(key)) {
                checked.configValues().add(new ConfigValue(key, given.get(key), List.of(), List.of("the connector has no setting " + key)));
            }
        }
        return checked;
    }

    @Override
    public void start(Map<String, String> given) {
        this.given = given;
    }

    @Override
    public List<Map<String, String>> taskConfigs(int most) {
        return List.of(given);
    }

    @Override
    public Class<? extends Task> taskClass() {
        return SnowflakeSinkTask.class;
    }

    @Override
    public ConfigDef config() {
        return SETTINGS;
    }

    @Override
    public void stop() {
    }

    @Override
    public String version() {
        return "stand-in";
    }
}
