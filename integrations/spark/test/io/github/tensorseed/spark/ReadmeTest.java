package io.github.tensorseed.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.StringWriter;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The README's example of the cluster compiles as it stands, and runs; of a smaller model.
class ReadmeTest {
  private static final String IMPORTS = """
      import io.github.tensorseed.*;
      import io.github.tensorseed.device.*;
      import io.github.tensorseed.model.*;
      import io.github.tensorseed.spark.*;
      import io.github.tensorseed.whitening.*;
      import io.github.tensorseed.whitening.Covariance.Precision;
      import io.github.tensorseed.whitening.Scatter.Shrinkage;
      import io.github.tensorseed.whitening.Whitening.*;
      import java.util.*;
      import org.apache.spark.*;
      import org.apache.spark.api.java.*;
      """;

  @TempDir Path folder;

  @Test
  void exampleRuns() throws Exception {
    String example = Pattern.compile("(?ms)^```java\\n(.*?)^```").matcher(Files.readString(Path.of("README.md"))).results()
        .map((MatchResult match) -> match.group(1)).filter(text -> text.contains("SparkCheckpoint")).findAny().orElseThrow();
    Path out = folder.resolve("out");
    String body = IMPORTS + "public class Example { public static void main(String[] args) throws Exception {\n"
        + example.replace("\"gpt2\"", "\"" + Models.config(folder) + "\"").replace("target/gpt2-spark", out.toString()) + "}}";
    StringWriter messages = new StringWriter();
    JavaFileObject source = new SimpleJavaFileObject(URI.create("string:///Example.java"), JavaFileObject.Kind.SOURCE) {
      @Override
      public CharSequence getCharContent(boolean ignoreEncodingErrors) {
        return body;
      }
    };
    boolean compiled = ToolProvider.getSystemJavaCompiler().getTask(messages, null, null, List.of("-d", folder.toString(), "-proc:none",
        "-cp", System.getProperty("java.class.path")), null, List.of(source)).call();
    assertThat(compiled).as(messages + "\n" + body).isTrue();
    Map<String, String> options = Map.of("spark.master", "local[2]", "spark.ui.enabled", "false", "spark.driver.host", "127.0.0.1",
        "spark.log.level", "OFF");
    options.forEach(System::setProperty);
    try (URLClassLoader loader = new URLClassLoader(new URL[] {folder.toUri().toURL()})) {
      loader.loadClass("Example").getMethod("main", String[].class).invoke(null, (Object) new String[0]);
    } finally {
      options.keySet().forEach(System::clearProperty);
    }
    Models.command("verify", out.toString());
  }
}
