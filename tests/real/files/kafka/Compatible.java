import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;

/** Whether a reader with the first schema can read what was written with each of the others, by Avro's own check. */
public class Compatible {
    public static void main(String[] files) throws Exception {
        Schema reader = read(files[0]);
        for (int index = 1; index < files.length; index++) {
            System.out.println(SchemaCompatibility.checkReaderWriterCompatibility(reader, read(files[index])).getType());
        }
    }

    private static Schema read(String file) throws Exception {
        // Each file is read by itself: a parser knows the records that it has met.
        return new Schema.Parser().parse(Files.readString(Path.of(file)));
    }
}
