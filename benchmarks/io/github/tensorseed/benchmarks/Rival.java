package io.github.tensorseed.benchmarks;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import java.io.File;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Another library that fills memory with random numbers, through its own public interface. Its class has a constructor without arguments,
/// which loads nothing: the suite asks what there is to measure in one process, and opens it in another.
public interface Rival extends AutoCloseable {
  /// What it is called in tables.
  String name();

  /// The jar that has it, up to its version.
  String jar();

  /// Why it cannot be measured here, or nothing.
  default String missing() {
    return "";
  }

  /// The settings worth a row, none where the library lacks the law or the dtype.
  List<String> settings(Law law, DType dtype);

  /// Whether it, or its caller by the means that it has for that, can spread one fill over threads.
  default boolean threaded() {
    return true;
  }

  /// What a fill allocates, or "nothing" where it writes to memory that is there.
  default String allocates() {
    return "nothing";
  }

  /// What its values follow: the standard law where a scale and a shift would be a further pass.
  default Distribution makes(Law law) {
    return law.weights();
  }

  /// Called once, before the fills.
  void open(String setting, Law law, DType dtype, int elements, int threads) throws Exception;

  void fill();

  /// Values of the last fill.
  double[] values(int from, int count);

  @Override
  void close();

  /// The rival of this class in this package, or null where its profile is off.
  static @Nullable Rival named(String simpleName) {
    try {
      return Class.forName(Rival.class.getPackageName() + "." + simpleName).asSubclass(Rival.class).getDeclaredConstructor().newInstance();
    } catch (ClassNotFoundException e) {
      return null;
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(simpleName, e);
    }
  }

  /// The jar's name on the class path without its ending, which has the version; without one, the JDK's.
  default String version() {
    return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator, -1))
        .map(path -> String.valueOf(Path.of(path).getFileName()))
        .filter(name -> name.startsWith(jar()) && name.endsWith(".jar")).findFirst()
        .map(name -> name.substring(0, name.length() - ".jar".length())).orElse("JDK " + Runtime.version());
  }

  /// Does parts 0 to `threads` - 1 at once.
  static void each(int threads, IntConsumer part) {
    IntStream.range(0, threads).parallel().forEach(part);
  }
}
