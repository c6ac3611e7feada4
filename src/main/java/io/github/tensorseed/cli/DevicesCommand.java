package io.github.tensorseed.cli;

import io.github.tensorseed.device.Devices;
import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `tensorseed devices`.
@Command(
    name = "devices",
    description = "Says which devices can be used here and, for each that cannot, why, and the remedy.",
    mixinStandardHelpOptions = true)
final class DevicesCommand implements Callable<Integer> {
  @Spec CommandSpec spec = CommandSpec.create();

  @Option(names = "--json", description = "Prints JSON.")
  boolean json;

  @Override
  public Integer call() {
    List<Devices.Diagnosis> diagnoses = Devices.diagnose();
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(Json.text(diagnoses));
    } else {
      Table table = new Table("device", "usable", "details");
      diagnoses.forEach(diagnosis -> table.row(diagnosis.device(), diagnosis.usable() ? "yes" : "no", diagnosis.details()));
      table.print(out);
    }
    return 0;
  }
}
