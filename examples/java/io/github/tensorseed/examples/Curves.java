package io.github.tensorseed.examples;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.BitmapEncoder.BitmapFormat;
import org.knowm.xchart.VectorGraphicsEncoder;
import org.knowm.xchart.VectorGraphicsEncoder.VectorGraphicsFormat;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;

/// Loss curves as numbers and as pictures.
final class Curves {
  /// A loss of more is drawn as this, so that the others can be told apart.
  private static final double MOST = 10;

  /// Told apart by most eyes, and on this background.
  ///
  /// - Source: M. Okabe and K. Ito, Color Universal Design; its yellow darkened.
  private static final List<Color> COLORS = List.of(new Color(0x0072b2), new Color(0xd55e00), new Color(0x009e73), new Color(0x6a3d9a),
      new Color(0x202020), new Color(0xb8860b), new Color(0x56b4e9), new Color(0xcc79a7));

  private Curves() {}

  /// Writes everything there is of these runs: a JSON file, and for each network an SVG and a PNG.
  static void write(Path folder, long seed, String device, List<Training.Result> results) throws IOException {
    Files.createDirectories(folder);
    publish(folder.resolve("curves.json"), json(seed, device, results));
    for (String network : results.stream().map(result -> result.training().network()).distinct().toList()) {
      XYChart chart = chart(results.stream().filter(result -> result.training().network().equals(network)).toList());
      ByteArrayOutputStream svg = new ByteArrayOutputStream();
      VectorGraphicsEncoder.saveVectorGraphic(chart, svg, VectorGraphicsFormat.SVG);
      publish(folder.resolve(network + ".svg"), svg.toByteArray());
      ByteArrayOutputStream png = new ByteArrayOutputStream();
      BitmapEncoder.saveBitmap(chart, png, BitmapFormat.PNG);
      publish(folder.resolve(network + ".png"), png.toByteArray());
    }
  }

  /// JSON has no NaN: a curve that comes to one ends before.
  private static byte[] json(long seed, String device, List<Training.Result> results) throws IOException {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("seed", seed);
    all.put("device", device);
    all.put("runs", results.stream().map(result -> {
      Map<String, Object> run = new LinkedHashMap<>();
      run.put("network", result.training().network());
      run.put("strategy", result.training().strategy());
      List<Training.Point> points = result.curve().stream().filter(point -> Double.isFinite(point.loss())).toList();
      run.put("epoch", points.stream().map(Training.Point::epoch).toList());
      run.put("loss", points.stream().map(Training.Point::loss).toList());
      run.put("accuracy", result.accuracy());
      return run;
    }).toList());
    return JsonMapper.builder().build().writerWithDefaultPrettyPrinter().writeValueAsBytes(all);
  }

  private static XYChart chart(List<Training.Result> results) {
    XYChart chart = new XYChartBuilder().width(900).height(540).title(results.getFirst().training().title())
        .xAxisTitle("epochs").yAxisTitle("training loss (cross-entropy)").build();
    Color paper = new Color(0xf4f4f2);
    Color ink = new Color(0x303030);
    chart.getStyler().setChartBackgroundColor(paper).setPlotBackgroundColor(paper).setChartFontColor(ink)
        .setLegendPosition(LegendPosition.OutsideE).setLegendBackgroundColor(paper).setLegendBorderColor(paper)
        .setLegendFont(new Font(Font.SANS_SERIF, Font.PLAIN, 13));
    chart.getStyler().setYAxisLogarithmic(true).setYAxisLogarithmicDecadeOnly(false)
        .setPlotGridLinesColor(new Color(0xd0d0cc)).setAxisTickLabelsColor(ink);
    for (int i = 0; i < results.size(); i++) {
      Training.Result result = results.get(i);
      double[] epochs = result.curve().stream().mapToDouble(Training.Point::epoch).toArray();
      double[] losses = result.curve().stream().mapToDouble(point -> point.loss() < MOST ? point.loss() : MOST).toArray();
      String name = result.training().strategy() + (Double.isFinite(result.loss()) ? "" : ": diverged");
      XYSeries series = chart.addSeries(name, epochs, losses);
      series.setMarker(SeriesMarkers.NONE).setLineColor(COLORS.get(i % COLORS.size())).setLineStyle(new BasicStroke(2));
    }
    return chart;
  }

  /// A file appears whole or not at all.
  private static void publish(Path file, byte[] bytes) throws IOException {
    Path part = Files.write(file.resolveSibling(file.getFileName() + ".part"), bytes);
    Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
  }
}
