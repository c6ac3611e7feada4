package io.github.tensorseed.benchmarks;

import io.github.tensorseed.benchmarks.Results.GpuRow;
import io.github.tensorseed.benchmarks.Results.GpuSpeed;
import io.github.tensorseed.benchmarks.Results.Row;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.BitmapEncoder.BitmapFormat;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.VectorGraphicsEncoder;
import org.knowm.xchart.VectorGraphicsEncoder.VectorGraphicsFormat;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.internal.chartpart.Chart;
import org.knowm.xchart.style.AxesChartStyler;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.lines.SeriesLines;

/// Charts of results, each as SVG and as PNG, on a ground of their own: they look the same on light and dark pages.
final class Charts {
  private static final Color GROUND = new Color(0xfafafa);
  private static final Color INK = new Color(0x202020);
  private static final Color GRID = new Color(0xd0d0d0);
  /// Okabe and Ito's, which the colour-blind can tell apart, without the yellow.
  private static final Color[] COLORS = {
      new Color(0x0072b2), new Color(0xd55e00), new Color(0x009e73), new Color(0xcc79a7), new Color(0x56b4e9), new Color(0xe69f00)};

  private Charts() {}

  /// Those that the rows have something for.
  static List<Path> write(Results results, Path folder) throws IOException {
    System.setProperty("java.awt.headless", "true");
    List<Path> written = new ArrayList<>();
    for (Law law : Law.values()) {
      String name = law.name().toLowerCase(Locale.ROOT);
      XYChart sizes = sizes(results, law);
      if (!sizes.getSeriesMap().isEmpty()) {
        written.addAll(save(sizes, folder.resolve("sizes-" + name)));
      }
      CategoryChart rivals = rivals(results, law);
      if (!rivals.getSeriesMap().isEmpty()) {
        written.addAll(save(rivals, folder.resolve("rivals-" + name)));
      }
    }
    CategoryChart shares = shares(results);
    if (!shares.getSeriesMap().isEmpty()) {
      written.addAll(save(shares, folder.resolve("share-of-floor")));
    }
    CategoryChart gpus = gpus(results);
    if (!gpus.getSeriesMap().isEmpty()) {
      written.addAll(save(gpus, folder.resolve("gpu-share-of-memory-rate")));
    }
    return written;
  }

  /// Elements per second against the size of the tensor: a colour for each dtype, dashes for one thread.
  private static XYChart sizes(Results results, Law law) {
    XYChart chart = new XYChartBuilder().width(900).height(540).title("tensorseed: " + law + " by size of the tensor")
        .xAxisTitle("elements of the tensor").yAxisTitle("10⁹ elements per second").build();
    plain(chart.getStyler());
    chart.getStyler().setXAxisLogarithmic(true).setLegendPosition(LegendPosition.OutsideE);
    chart.getStyler().setYAxisMin(0.);
    Map<String, Color> colors = new LinkedHashMap<>();
    Map<String, TreeMap<Long, Double>> lines = new LinkedHashMap<>();
    for (Row row : results.rows()) {
      if (row.isFill() && row.isOurs() && row.law().equals(law.toString())) {
        colors.putIfAbsent(row.dtype(), COLORS[colors.size() % COLORS.length]);
        lines.computeIfAbsent(row.dtype() + ", " + threads(row.threads()), _ -> new TreeMap<>())
            .put(row.elements(), row.elementsPerSecond() / 1e9);
      }
    }
    lines.forEach((name, line) -> {
      Color color = colors.get(name.substring(0, name.indexOf(',')));
      XYSeries series = chart.addSeries(name, List.copyOf(line.keySet()), List.copyOf(line.values()));
      series.setMarkerColor(color);
      series.setLineColor(color).setLineWidth(2.5f).setLineStyle(name.endsWith(", one thread") ? SeriesLines.DASH_DASH : SeriesLines.SOLID);
    });
    return chart;
  }

  /// Each library's fastest setting for 64 Mi values of F32.
  private static CategoryChart rivals(Results results, Law law) {
    CategoryChart chart = categories("64 Mi values of F32, " + law + ", each library at its fastest setting", "10⁹ elements per second");
    List<String> names = new ArrayList<>();
    Map<Integer, List<Row>> rows = new LinkedHashMap<>();
    for (int threads : results.rows().stream().mapToInt(Row::threads).distinct().sorted().toArray()) {
      List<Row> fastest = results.fastest(law, "f32", FillBenchmark.ELEMENTS, threads);
      if (!fastest.isEmpty()) {
        rows.put(threads, fastest);
        fastest.stream().map(Row::by).filter(name -> !names.contains(name)).forEach(names::add);
      }
    }
    rows.forEach((threads, fastest) -> chart.addSeries(threads(threads), names, names.stream().map(name -> fastest.stream()
        .filter(row -> row.by().equals(name)).mapToDouble(row -> row.elementsPerSecond() / 1e9).findFirst().orElse(0)).toList()));
    return chart;
  }

  /// Our 64 Mi values beside a fill of memory.
  private static CategoryChart shares(Results results) {
    CategoryChart chart = categories("64 Mi values by tensorseed beside MemorySegment.fill of as many binary32",
        "share of the fill's elements per second");
    List<Row> ours = results.rows().stream()
        .filter(row -> row.isFill() && row.isOurs() && row.elements() == FillBenchmark.ELEMENTS).toList();
    List<String> names = ours.stream().map(row -> row.law() + " " + row.dtype()).distinct().toList();
    for (int threads : ours.stream().mapToInt(Row::threads).distinct().sorted().toArray()) {
      chart.addSeries(threads(threads), names, names.stream().map(name -> ours.stream()
          .filter(row -> row.threads() == threads && (row.law() + " " + row.dtype()).equals(name))
          .map(Row::share).findFirst().orElse(0.)).toList());
    }
    return chart;
  }

  /// 64 Mi values on GPUs beside a memset of the same memory; none of an emulated one.
  private static CategoryChart gpus(Results results) {
    CategoryChart chart = categories("64 Mi values on a GPU beside a memset of the same memory", "share of the memory's rate");
    Map<String, Map<String, Double>> series = new LinkedHashMap<>();
    List<String> names = new ArrayList<>();
    for (GpuRow row : results.gpuRows()) {
      GpuSpeed speed = row.speed();
      if (speed != null && speed.share() != null && row.isFill() && row.elements() == FillBenchmark.ELEMENTS) {
        String name = row.law() + " " + row.dtype();
        if (!names.contains(name)) {
          names.add(name);
        }
        series.computeIfAbsent(row.device() + ", " + row.who(), _ -> new LinkedHashMap<>()).put(name, speed.share());
      }
    }
    series.forEach((name, shares) -> chart.addSeries(name, names, names.stream().map(one -> shares.getOrDefault(one, 0.)).toList()));
    return chart;
  }

  private static CategoryChart categories(String title, String unit) {
    CategoryChart chart = new CategoryChartBuilder().width(900).height(540).title(title).xAxisTitle("").yAxisTitle(unit).build();
    plain(chart.getStyler());
    chart.getStyler().setLegendPosition(LegendPosition.OutsideE);
    chart.getStyler().setXAxisLabelRotation(30).setYAxisMin(0.);
    chart.getStyler().setAvailableSpaceFill(0.8);
    chart.getStyler().setYAxisDecimalPattern("0.00");
    return chart;
  }

  private static String threads(int threads) {
    return threads == 1 ? "one thread" : threads == 2 ? "two threads" : threads + " threads";
  }

  private static void plain(AxesChartStyler styler) {
    Font font = new Font(Font.SANS_SERIF, Font.PLAIN, 13);
    styler.setChartBackgroundColor(GROUND).setPlotBackgroundColor(GROUND).setLegendBackgroundColor(GROUND).setChartFontColor(INK);
    styler.setSeriesColors(COLORS).setLegendBorderColor(GRID).setLegendFont(font).setChartTitleFont(font.deriveFont(Font.BOLD, 15));
    styler.setPlotBorderColor(GRID);
    styler.setPlotGridLinesColor(GRID).setPlotGridLinesStroke(new BasicStroke(0.5f));
    styler.setAxisTickLabelsColor(INK).setAxisTickMarksColor(INK).setAxisTickLabelsFont(font).setAxisTitleFont(font);
  }

  private static List<Path> save(Chart<?, ?> chart, Path path) throws IOException {
    VectorGraphicsEncoder.saveVectorGraphic(chart, path.toString(), VectorGraphicsFormat.SVG);
    BitmapEncoder.saveBitmapWithDPI(chart, path.toString(), BitmapFormat.PNG, 144);
    return List.of(Path.of(path + ".svg"), Path.of(path + ".png"));
  }
}
