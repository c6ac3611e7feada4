package io.github.tensorseed.spark;

import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.apache.spark.launcher.JavaModuleOptions;

/// Spark's own standalone cluster on the loopback: a master and workers of one core each, which start executors, all in processes of
/// their own.
final class StandaloneCluster implements AutoCloseable {
  private final Path folder;
  private final String master;
  private final int workers;
  private final Path gpus;
  private final List<Process> processes = new ArrayList<>();

  /// Workers that have a GPU say so, and give it to applications that ask for one.
  ///
  /// @param folder for logs, and for what executors leave
  StandaloneCluster(Path folder, int workers) throws IOException {
    this.folder = folder;
    this.workers = workers;
    // Workers start executors with the jars of an installed Spark. What is not a jar is given with the application.
    Path jars = Files.createDirectories(folder.resolve("home/jars"));
    for (String entry : classPath().filter(entry -> entry.endsWith(".jar")).toList()) {
      Files.createSymbolicLink(jars.resolve(Path.of(entry).getFileName()), Path.of(entry));
    }
    gpus = Files.writeString(folder.resolve("gpus"), "#!/bin/sh\necho '{\"name\": \"gpu\", \"addresses\": [\"0\"]}'");
    Files.setPosixFilePermissions(gpus, PosixFilePermissions.fromString("rwx------"));
    int port = freePort();
    master = "spark://127.0.0.1:" + port;
    start("master", "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", "" + port, "--webui-port", "0");
    for (int i = 0; i < workers; i++) {
      start("worker-" + i, "org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1", "--webui-port", "0", "--cores", "1",
          "--memory", "600m", "--work-dir", folder.resolve("work-" + i).toString(), master);
    }
  }

  private static Stream<String> classPath() {
    return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator, -1)).filter(entry -> !entry.isEmpty());
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  /// What an application is started with.
  Map<String, String> options() {
    return Map.of(
        "spark.master", master,
        "spark.ui.enabled", "false",
        "spark.driver.host", "127.0.0.1",
        "spark.driver.bindAddress", "127.0.0.1",
        "spark.executor.memory", "500m",
        "spark.executor.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.cores.max", "" + workers,
        // Until all executors are there, so that each has tasks.
        "spark.scheduler.minRegisteredResourcesRatio", "1.0",
        "spark.scheduler.maxRegisteredResourcesWaitingTime", "60s",
        "spark.executor.extraClassPath", String.join(File.pathSeparator, classPath().filter(entry -> !entry.endsWith(".jar")).toList()));
  }

  SparkConf conf(String name) {
    SparkConf conf = new SparkConf().setAppName(name);
    options().forEach(conf::set);
    return conf;
  }

  private void start(String name, String main, String... arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx256m",
        "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dspark.worker.resource.gpu.amount=1",
        "-Dspark.worker.resource.gpu.discoveryScript=" + gpus));
    command.addAll(List.of(JavaModuleOptions.defaultModuleOptionArray()));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), main));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(folder.resolve(name + ".log").toFile());
    builder.environment().putAll(Map.of("SPARK_HOME", folder.resolve("home").toString(), "SPARK_SCALA_VERSION", "2.13", "JAVA_HOME",
        System.getProperty("java.home"), "SPARK_LOCAL_IP", "127.0.0.1"));
    processes.add(builder.start());
  }

  /// Ends a worker as a power cut would; its executor ends by itself.
  void killWorker() throws InterruptedException {
    processes.getLast().destroyForcibly().waitFor();
  }

  @Override
  public void close() {
    processes.reversed().forEach(Process::destroy);
    processes.forEach(process -> process.onExit().join());
  }
}
