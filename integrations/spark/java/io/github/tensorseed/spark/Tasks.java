package io.github.tensorseed.spark;

import io.github.tensorseed.Device;
import io.github.tensorseed.cpu.CpuDevice;
import io.github.tensorseed.device.Devices;
import java.io.IOException;
import java.util.Arrays;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.apache.spark.SparkConf;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.resource.ResourceInformation;
import org.jspecify.annotations.Nullable;

/// What Spark gives a task to work with, and what it says of one that failed.
final class Tasks {
  private Tasks() {}

  /// The GPUs that Spark has assigned to this task, else as many threads of the host as it has cores.
  static Device device() {
    TaskContext task = TaskContext.get();
    @Nullable ResourceInformation gpus = task == null ? null : task.resourcesJMap().get("gpu");
    return gpus == null ? host() : Devices.open(
        Arrays.stream(gpus.addresses()).map(address -> "cuda:" + address).collect(Collectors.joining(",")), cores());
  }

  /// The host, whatever else the task has; on the driver all of it.
  static CpuDevice host() {
    return CpuDevice.open(cores());
  }

  /// The cores that are this task's; on the driver all.
  static int cores() {
    TaskContext task = TaskContext.get();
    return task == null ? Runtime.getRuntime().availableProcessors() : task.cpus();
  }

  /// What `spark-submit` was asked for.
  ///
  /// @throws IOException if there is no such cluster
  static JavaSparkContext context(String name) throws IOException {
    return run(() -> new JavaSparkContext(new SparkConf().setIfMissing("spark.app.name", name)));
  }

  /// Runs a job, of which Scala declares no exceptions.
  ///
  /// @throws IOException if a task failed too often, in one line
  static <T> T run(Callable<T> job) throws IOException {
    try {
      return job.call();
    } catch (IOException | RuntimeException e) {
      throw e;
    } catch (Exception e) {
      Throwable first = e;
      while (first.getCause() != null) {
        first = first.getCause();
      }
      throw new IOException("Spark: " + line(first), e);
    }
  }

  /// The first line of a message, which may go on with a stack.
  static String line(Throwable fault) {
    return String.valueOf(fault.getMessage() == null ? fault : fault.getMessage()).lines().findFirst().orElse(fault.toString());
  }
}
