package com.snowflake.kafka.connector;

import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import javax.crypto.Cipher;
import javax.crypto.EncryptedPrivateKeyInfo;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import org.apache.kafka.common.config.Config;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Type;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.ConfigValue;
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
        .define("snowflake.private.key", Type.PASSWORD, ConfigDef.NO_DEFAULT_VALUE, Importance.HIGH, "")
        .define("snowflake.private.key.passphrase", Type.PASSWORD, null, Importance.LOW, "")
        .define("snowflake.database.name", Type.STRING, ConfigDef.NO_DEFAULT_VALUE, new ConfigDef.NonEmptyString(), Importance.HIGH, "")
        .define("snowflake.schema.name", Type.STRING, ConfigDef.NO_DEFAULT_VALUE, new ConfigDef.NonEmptyString(), Importance.HIGH, "")
        .define("snowflake.role.name", Type.STRING, null, Importance.LOW, "")
        .define("snowflake.topic2table.map", Type.STRING, "", (name, value) -> tables((String) value), Importance.LOW, "")
        .define("snowflake.ingestion.method", Type.STRING, "SNOWPIPE", ConfigDef.ValidString.in("SNOWPIPE", "SNOWPIPE_STREAMING"), Importance.LOW, "")
        .define("buffer.count.records", Type.LONG, 10000, Importance.LOW, "")
        .define("buffer.size.bytes", Type.LONG, 5000000, Importance.LOW, "")
        .define("buffer.flush.time", Type.LONG, 120, Importance.LOW, "");

    /** Why a key, with the passphrase of an encrypted one, is none; null where it is one. */
    private static String wrongKey(String text, String passphrase) {
        byte[] body;
        try {
            body = Base64.getDecoder().decode(text.replaceAll("-+[A-Za-z ]+-+", "").replaceAll("\\s", ""));
            PKCS8EncodedKeySpec key = new PKCS8EncodedKeySpec(body);
            if (passphrase != null) {
                EncryptedPrivateKeyInfo encrypted = new EncryptedPrivateKeyInfo(body);
                String algorithm = encrypted.getAlgParameters().toString();
                SecretKeyFactory factory = SecretKeyFactory.getInstance(algorithm);
                Cipher cipher = Cipher.getInstance(algorithm);
                cipher.init(Cipher.DECRYPT_MODE, factory.generateSecret(new PBEKeySpec(passphrase.toCharArray())),
                    encrypted.getAlgParameters());
                key = encrypted.getKeySpec(cipher);
            }
            KeyFactory.getInstance("RSA").generatePrivate(key);
            return null;
        } catch (GeneralSecurityException | IOException | IllegalArgumentException error) {
            return passphrase == null ? "not an RSA key in PKCS#8" : "not an RSA key in PKCS#8 that this passphrase opens";
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
        String wrong = wrongKey(given.getOrDefault("snowflake.private.key", ""), given.get("snowflake.private.key.passphrase"));
        checked.configValues().stream().filter(value -> wrong != null && value.name().equals("snowflake.private.key"))
            .forEach(value -> value.addErrorMessage(wrong));
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
