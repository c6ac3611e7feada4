package io.github.tensorseed.spark;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;

/// The local disk as `trouble:/path`, which renames nothing to what is there, as HDFS does, and fails or waits as it is told. Every
/// attempt to write a file leaves a mark of its own, which all processes see.
public final class TroubledFileSystem extends RawLocalFileSystem {
  /// The folder of the marks; a file `go` there ends all waiting.
  static final String MARKS = "trouble.marks";
  /// A part of the name of a file of which the first attempts fail.
  static final String FAILS = "trouble.fails";
  static final String ATTEMPTS_THAT_FAIL = "trouble.attempts-that-fail";
  /// Whether files wait until they may be written.
  static final String WAITS = "trouble.waits";

  @Override
  public URI getUri() {
    return URI.create("trouble:///");
  }

  @Override
  public String getScheme() {
    return "trouble";
  }

  /// How many attempts there were so far.
  static long attempts(java.nio.file.Path marks, String name) throws IOException {
    try (Stream<java.nio.file.Path> files = Files.list(marks)) {
      return files.filter(file -> file.getFileName().toString().contains(name)).count();
    }
  }

  @Override
  public FSDataOutputStream create(Path path, FsPermission permission, boolean overwrite, int bufferSize, short replication, long blockSize,
      Progressable progress) throws IOException {
    attempt(path);
    return super.create(path, permission, overwrite, bufferSize, replication, blockSize, progress);
  }

  @Override
  public FSDataOutputStream create(Path path, boolean overwrite, int bufferSize, short replication, long blockSize, Progressable progress)
      throws IOException {
    attempt(path);
    return super.create(path, overwrite, bufferSize, replication, blockSize, progress);
  }

  private void attempt(Path path) throws IOException {
    Configuration conf = getConf();
    java.nio.file.Path marks = java.nio.file.Path.of(conf.get(MARKS));
    Files.createTempFile(marks, path.getName(), ".mark");
    String fails = conf.get(FAILS, "/");
    if (path.getName().contains(fails) && attempts(marks, fails) <= conf.getInt(ATTEMPTS_THAT_FAIL, 0)) {
      throw new IOException("the disk has a bad day");
    }
    try {
      while (conf.getBoolean(WAITS, false) && path.getName().contains(".safetensors") && !Files.exists(marks.resolve("go"))) {
        TimeUnit.MILLISECONDS.sleep(20);
      }
    } catch (InterruptedException e) {
      throw new IOException("interrupted", e);
    }
  }

  @Override
  public boolean rename(Path from, Path to) throws IOException {
    return !exists(to) && super.rename(from, to);
  }
}
