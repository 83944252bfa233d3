// Asks Apache Kafka's own message classes for bytes and facts: run with Kafka's jars on the class path.
//
//   java -cp "$KAFKA_JARS/*" Golden.java OUTPUT_DIR kind:key:Name:first:last ...
//
// kind is request, response, record (of the metadata log), header (keys 0, a request's, and 1, a response's), protocol
// (what consumers tell each other: key 0 is a subscription, key 1 an assignment), offsets-key or offsets-value (of a record
// in __consumer_offsets). Writes OUTPUT_DIR/messages.txt (`key version kind instance hex`) and OUTPUT_DIR/schema.txt (every
// field: name, type, versions, nulls, tag, default).

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.BinaryNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.DoubleNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.LongNode;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

public final class Golden {
    static final ObjectMapper MAPPER = new ObjectMapper().configure(JsonParser.Feature.ALLOW_COMMENTS, true);
    static final StringBuilder messages = new StringBuilder();
    static final StringBuilder schema = new StringBuilder();

    public static void main(String[] args) throws Exception {
        for (int i = 1; i < args.length; i++) {
            String[] part = args[i].split(":");
            new Golden(part[0], part[2]).print(part[1], Integer.parseInt(part[3]), Integer.parseInt(part[4]));
        }
        Files.writeString(Path.of(args[0], "messages.txt"), messages);
        Files.writeString(Path.of(args[0], "schema.txt"), schema);
    }

    final String kind;
    final String name;
    final JsonNode spec;
    final Class<?> data;
    final Class<?> converter;
    final Map<String, JsonNode> structs = new HashMap<>();

    Golden(String kind, String name) throws Exception {
        this.kind = kind;
        this.name = name;
        boolean record = kind.equals("record");
        boolean offsets = kind.startsWith("offsets-");
        boolean plain = record || offsets || kind.equals("protocol");
        String file = (record ? "common/metadata/" : "common/message/") + name + ".json";
        try (InputStream in = Golden.class.getClassLoader().getResourceAsStream(file)) {
            if (in == null) throw new IllegalArgumentException("no " + file + " in Kafka's jars");
            this.spec = MAPPER.readTree(in);
        }
        String room = "org.apache.kafka.common." + (record ? "metadata." : "message.");
        if (offsets) room = "org.apache.kafka.coordinator.group.generated.";
        String type = room + name + (plain ? "" : "Data");
        this.data = Class.forName(type);
        this.converter = Class.forName(type + "JsonConverter");
        for (JsonNode common : spec.path("commonStructs")) structs.put(common.get("name").asText(), common.get("fields"));
    }

    void print(String key, int first, int last) throws Exception {
        int[] valid = range(spec.get("validVersions").asText());
        schema.append(kind).append(' ').append(spec.path("apiKey").asText(key)).append(' ').append(name);
        schema.append(" versions ").append(text(spec.get("validVersions").asText()));
        schema.append(" flexible ").append(text(spec.get("flexibleVersions").asText()));
        schema.append(spec.path("latestVersionUnstable").asBoolean() ? " latest unstable\n" : "\n");
        facts(spec.get("fields"), 1);
        for (int version = Math.max(first, valid[0]); version <= Math.min(last, valid[1]); version++) {
            line(key, version, "default", (Message) data.getDeclaredConstructor().newInstance());
            for (Fill fill : Fill.values()) {
                Random random = new Random((name + version + fill).hashCode());
                JsonNode json = object(spec.get("fields"), version, fill, random, 0);
                var read = converter.getMethod("read", JsonNode.class, short.class);
                Message message = (Message) read.invoke(null, json, (short) version);
                line(key, version, fill.name().toLowerCase(), message);
            }
        }
    }

    void line(String key, int version, String instance, Message message) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, (short) version));
        message.write(new ByteBufferAccessor(buffer), cache, (short) version);
        if (buffer.hasRemaining()) throw new IllegalStateException(name + " v" + version + " wrote less than its size");
        messages.append(key).append(' ').append(version).append(' ').append(kind).append(' ').append(instance).append(' ');
        messages.append(buffer.capacity() == 0 ? "-" : HexFormat.of().formatHex(buffer.array())).append('\n');
    }

    // Facts.

    void facts(JsonNode fields, int depth) {
        for (JsonNode field : fields) {
            String type = field.get("type").asText();
            String element = type.replace("[]", "");
            boolean struct = Character.isUpperCase(element.charAt(0));
            schema.append("  ".repeat(depth)).append(snake(field.get("name").asText())).append(' ');
            schema.append(type.startsWith("[]") ? "[]" : "").append(struct ? "struct" : element);
            schema.append(' ').append(text(field.get("versions").asText()));
            String nulls = field.path("nullableVersions").asText("none");
            if (!nulls.equals("none")) schema.append(" null ").append(text(nulls));
            if (field.has("tag")) schema.append(" tag ").append(field.get("tag").asText());
            schema.append(" default ").append(defaultOf(field, type, struct, nulls)).append('\n');
            if (struct) facts(inner(field, element), depth + 1);
        }
    }

    static String defaultOf(JsonNode field, String type, boolean struct, String nulls) {
        String given = field.path("default").asText("");
        if (type.equals("records") || (given.equals("null") && !nulls.equals("none"))) return "null";
        if (type.startsWith("[]")) return "[]";
        if (struct) return "{}";
        return switch (type) {
            case "string" -> '"' + given + '"';
            case "bytes" -> "\"\"";
            case "bool" -> given.isEmpty() ? "false" : given;
            case "uuid" -> "0";
            case "float64" -> Double.toString(given.isEmpty() ? 0 : Double.parseDouble(given));
            default -> given.isEmpty() ? "0" : Long.decode(given).toString();
        };
    }

    static String snake(String camel) {
        return camel.replaceAll("([a-z0-9])([A-Z])", "$1_$2").replaceAll("([A-Z]+)([A-Z][a-z])", "$1_$2").toLowerCase();
    }

    JsonNode inner(JsonNode field, String type) {
        return field.has("fields") ? field.get("fields") : structs.get(type);
    }

    static int[] range(String versions) {
        if (versions.equals("none")) return new int[] {Short.MAX_VALUE, -1};
        if (versions.endsWith("+")) return new int[] {Integer.parseInt(versions.replace("+", "")), Short.MAX_VALUE};
        String[] ends = versions.split("-");
        return new int[] {Integer.parseInt(ends[0]), Integer.parseInt(ends[ends.length - 1])};
    }

    static String text(String versions) {
        int[] ends = range(versions);
        return ends[1] < 0 ? "none" : ends[0] + (ends[1] == Short.MAX_VALUE ? "+" : "-" + ends[1]);
    }

    static boolean has(String versions, int version) {
        int[] ends = range(versions);
        return ends[0] <= version && version <= ends[1];
    }

    // Instances.

    enum Fill { EMPTY, MIN, MAX, RANDOM1, RANDOM2, RANDOM3 }

    ObjectNode object(JsonNode fields, int version, Fill fill, Random random, int depth) {
        ObjectNode object = JsonNodeFactory.instance.objectNode();
        for (JsonNode field : fields) {
            if (!has(field.get("versions").asText(), version)) continue;
            String camel = field.get("name").asText();
            String key = Character.toLowerCase(camel.charAt(0)) + camel.substring(1);
            boolean nullable = has(field.path("nullableVersions").asText("none"), version);
            object.set(key, value(field, field.get("type").asText(), nullable, version, fill, random, depth));
        }
        return object;
    }

    JsonNode value(JsonNode field, String type, boolean nullable, int version, Fill fill, Random random, int depth) {
        boolean dice = fill.ordinal() >= Fill.RANDOM1.ordinal();
        if (nullable && (fill == Fill.MIN || dice && random.nextInt(4) == 0)) return NullNode.instance;
        if (type.startsWith("[]")) {
            int length = switch (fill) {
                case EMPTY -> 0;
                case MIN -> 1;
                case MAX -> 2;
                default -> random.nextInt(depth > 1 ? 3 : 4);
            };
            ArrayNode array = JsonNodeFactory.instance.arrayNode();
            for (int i = 0; i < length; i++) {
                array.add(value(field, type.substring(2), false, version, fill, random, depth + 1));
            }
            return array;
        }
        // A value that is its default now and then: a tagged field is not written then.
        if (dice && field.has("tag") && field.has("default") && random.nextInt(3) == 0) {
            String given = field.get("default").asText();
            if (given.matches("-?[0-9]+")) return LongNode.valueOf(Long.parseLong(given));
        }
        return switch (type) {
            case "bool" -> BooleanNode.valueOf(dice ? random.nextBoolean() : fill == Fill.MAX);
            case "int8" -> number(Byte.MIN_VALUE, Byte.MAX_VALUE, fill, random);
            case "int16" -> number(Short.MIN_VALUE, Short.MAX_VALUE, fill, random);
            case "uint16" -> number(0, 65535, fill, random);
            case "int32" -> number(Integer.MIN_VALUE, Integer.MAX_VALUE, fill, random);
            case "uint32" -> number(0, 4294967295L, fill, random);
            case "int64" -> number(Long.MIN_VALUE, Long.MAX_VALUE, fill, random);
            case "float64" -> DoubleNode.valueOf(random.nextGaussian() * (fill == Fill.MAX ? 1e300 : 1));
            case "string" -> TextNode.valueOf(string(fill, random));
            case "uuid" -> TextNode.valueOf(uuid(fill, random).toString());
            case "bytes", "records" -> BinaryNode.valueOf(bytes(fill, random));
            default -> object(inner(field, type), version, fill, random, depth + 1);
        };
    }

    static LongNode number(long min, long max, Fill fill, Random random) {
        return LongNode.valueOf(switch (fill) {
            case EMPTY -> 0;
            case MIN -> min;
            case MAX -> max;
            default -> switch (random.nextInt(4)) {
                case 0 -> 1;
                case 1 -> min < 0 ? -1 : 2;
                default -> max == Long.MAX_VALUE ? random.nextLong() : min + Math.floorMod(random.nextLong(), max - min + 1);
            };
        });
    }

    // 126 and 127 bytes: on both sides of where a compact length takes a second byte; characters of one to four bytes.
    static String string(Fill fill, Random random) {
        return switch (fill) {
            case EMPTY, MIN -> "";
            case MAX -> "é€😀" + "m".repeat(random.nextInt(2) == 0 ? 117 : 118);
            default -> "ab.c-ü_".substring(random.nextInt(3), 3 + random.nextInt(5));
        };
    }

    static Uuid uuid(Fill fill, Random random) {
        return switch (fill) {
            case EMPTY -> Uuid.ZERO_UUID;
            case MIN -> new Uuid(Long.MIN_VALUE, Long.MIN_VALUE);
            case MAX -> new Uuid(-1L, -1L);
            default -> new Uuid(random.nextLong(), random.nextLong());
        };
    }

    static byte[] bytes(Fill fill, Random random) {
        byte[] bytes = new byte[switch (fill) {
            case EMPTY, MIN -> 0;
            case MAX -> 128;
            default -> random.nextInt(12);
        }];
        random.nextBytes(bytes);
        return bytes;
    }
}
