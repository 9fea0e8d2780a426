package io.lenses.streamreactor.connect.mqtt.source;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.common.config.Config;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Type;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.source.SourceConnector;

/**
 * In the place of Stream Reactor's MQTT source, which no registry has: takes the settings that its release 8.1.35 knows,
 * refuses every other key of its own, and carries JSON or bytes from a real broker into a real Kafka.
 */
public class MqttSourceConnector extends SourceConnector {
    static final ConfigDef SETTINGS = new ConfigDef()
        .define("connect.mqtt.hosts", Type.STRING, Importance.HIGH, "")
        .define("connect.mqtt.kcql", Type.STRING, ConfigDef.NO_DEFAULT_VALUE, (name, value) -> Statement.of((String) value),
            Importance.HIGH, "")
        .define("connect.mqtt.username", Type.STRING, null, Importance.HIGH, "")
        .define("connect.mqtt.password", Type.PASSWORD, null, Importance.HIGH, "")
        .define("connect.mqtt.service.quality", Type.INT, ConfigDef.NO_DEFAULT_VALUE, ConfigDef.Range.between(0, 2), Importance.MEDIUM, "")
        .define("connect.mqtt.client.id", Type.STRING, null, Importance.LOW, "")
        .define("connect.mqtt.timeout", Type.INT, 3000, Importance.LOW, "")
        .define("connect.mqtt.polling.timeout", Type.INT, 1000, Importance.LOW, "")
        .define("connect.mqtt.clean", Type.BOOLEAN, true, Importance.LOW, "")
        .define("connect.mqtt.keep.alive", Type.INT, 5000, Importance.LOW, "")
        .define("connect.mqtt.converter.throw.on.error", Type.BOOLEAN, false, Importance.LOW, "")
        .define("connect.mqtt.log.message", Type.BOOLEAN, false, Importance.LOW, "")
        .define("connect.mqtt.process.duplicates", Type.BOOLEAN, false, Importance.LOW, "")
        .define("connect.mqtt.share.replicate", Type.BOOLEAN, false, Importance.LOW, "")
        .define("connect.mqtt.ssl.ca.cert", Type.STRING, null, Importance.LOW, "")
        .define("connect.mqtt.ssl.cert", Type.STRING, null, Importance.LOW, "")
        .define("connect.mqtt.ssl.key", Type.STRING, null, Importance.LOW, "");

    /**
     * One `INSERT INTO kafka SELECT * FROM mqtt`, with the two clauses that the platform writes. KCQL reads a name between
     * backquotes as one; without them no name with a dot, and none that is a word of the language. So names without them are
     * refused here.
     */
    record Statement(String kafka, String mqtt, boolean json, String key) {
        private static final Pattern FORM = Pattern.compile("INSERT INTO `([^`]+)` SELECT \\* FROM `([^`]+)`"
            + " WITHCONVERTER=`io\\.lenses\\.streamreactor\\.connect\\.converters\\.source\\.(JsonSimple|Bytes)Converter`"
            + "(?: WITHKEY\\(`([^`]+)`\\))?");

        static List<Statement> of(String text) {
            return Pattern.compile(";").splitAsStream(text).map(String::strip).filter(part -> !part.isEmpty()).map(part -> {
                Matcher found = FORM.matcher(part);
                if (!found.matches()) {
                    throw new ConfigException("connect.mqtt.kcql", part, "not in the form that this stand-in knows");
                }
                return new Statement(found.group(1), found.group(2), found.group(3).equals("JsonSimple"), found.group(4));
            }).toList();
        }

        /** As the connector counts a topic in: a wildcard stands for something. */
        boolean takes(String topic) {
            return topic.matches(mqtt.replace("+", "[^/]+").replace("#", ".+"));
        }
    }

    private Map<String, String> given;

    @Override
    public Config validate(Map<String, String> given) {
        Config checked = super.validate(given);
        Set<String> known = SETTINGS.names();
        for (String key : given.keySet()) {
            if (key.startsWith("connect.") && !known.contains(key)) {
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
        return MqttSourceTask.class;
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
