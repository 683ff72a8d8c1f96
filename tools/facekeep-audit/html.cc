#include "tools/facekeep-audit/html.h"

#include <algorithm>
#include <cstdio>

#include "tools/common/escape.h"

namespace facekeep::tools::html {
namespace {

// Colours that stay apart in grey print and for the colour-blind.
constexpr std::string_view kStyle = R"css(
:root{--match:#1f6f5c;--nomatch:#b9c2c9;--refer:#d98a1e;--ink:#1c2430;--soft:#5c6773;--line:#d8dde2;--bad:#a3231f}
*{box-sizing:border-box}
body{font:15px/1.5 "Noto Sans","Noto Sans CJK SC","Source Han Sans SC","Microsoft YaHei","PingFang SC",Helvetica,Arial,sans-serif;
color:var(--ink);max-width:60em;margin:2em auto;padding:0 1.5em;background:#fff}
h1{font-size:1.7em;margin:0 0 .2em;line-height:1.2}
h2{font-size:1.2em;margin:2em 0 .5em;border-bottom:2px solid var(--ink);padding-bottom:.15em;break-after:avoid}
h3{font-size:1em;margin:1.4em 0 .4em;break-after:avoid}
p{margin:.4em 0}.soft{color:var(--soft)}
.meta{display:grid;grid-template-columns:max-content 1fr;gap:.1em 1em;margin:.8em 0}
.meta dt{color:var(--soft)}.meta dd{margin:0;overflow-wrap:anywhere}
.stamp{border:2px solid var(--bad);margin:.6em 0;padding:.5em .8em;display:flex;gap:1em;align-items:baseline;break-inside:avoid}
.stamp b{color:var(--bad);letter-spacing:.06em;white-space:nowrap}
.stamp.plain{border-color:var(--soft)}.stamp.plain b{color:var(--ink)}
.verdict{border-left:.5em solid var(--match);background:#eef5f2;padding:.7em 1em;margin:1em 0;break-inside:avoid}
.verdict.bad{border-color:var(--bad);background:#faeeed}
.verdict b{font-size:1.25em}
table{border-collapse:collapse;width:100%;margin:.5em 0;font-size:.92em}
th{text-align:left;color:var(--soft);font-weight:600;border-bottom:1px solid var(--ink);padding:.25em .6em .25em 0;vertical-align:bottom}
td{border-bottom:1px solid var(--line);padding:.3em .9em .3em 0;vertical-align:top;overflow-wrap:break-word}
tr{break-inside:avoid}thead{display:table-header-group}
.num td:not(:first-child):not(.wide),.num th:not(:first-child){font-variant-numeric:tabular-nums}
code{font:.85em/1.4 "Noto Sans Mono",Menlo,Consolas,monospace;overflow-wrap:anywhere}
.nowrap{white-space:nowrap}.error{color:var(--bad);font-weight:600}.warning{color:#8a5a10;font-weight:600}
svg{display:block;max-width:100%;height:auto}
.legend span{display:inline-block;margin-right:1.2em}.legend i{display:inline-block;width:.9em;height:.9em;margin-right:.35em;vertical-align:-.1em}
.sign{display:grid;grid-template-columns:1fr 1fr;gap:2em;margin-top:1.5em;break-inside:avoid}
.sign div{border-top:1px solid var(--ink);padding-top:.3em;color:var(--soft);margin-top:2.5em}
.decisions td:first-child{width:3em}.decisions td:nth-child(2){width:36%}.decisions td:nth-child(3){width:22%}td div{overflow-wrap:anywhere}
.done{color:var(--match)}.sig+.sig{margin-top:.35em}s{color:var(--soft)}
ul{padding-left:1.2em}li{margin:.25em 0}
@page{size:A4;margin:18mm 16mm}
@media print{body{font-size:10.5pt;margin:0;padding:0;max-width:none}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
)css";

constexpr double kChartWidth = 720;
constexpr double kChartHeight = 190;
constexpr double kLeft = 46;
constexpr double kBottom = 24;
constexpr double kTop = 8;

std::string number(double v) {
  char out[32];
  std::snprintf(out, sizeof out, "%.1f", v);
  return out;
}

std::string rect(double x, double y, double w, double h, std::string_view colour) {
  if (h <= 0 || w <= 0) return {};
  return "<rect x=\"" + number(x) + "\" y=\"" + number(y) + "\" width=\"" + number(w) + "\" height=\"" + number(h) +
         "\" fill=\"" + std::string(colour) + "\"/>";
}

std::string label_at(double x, double y, std::string_view anchor, const std::string& label) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + std::string(anchor) +
         "\" font-size=\"11\" fill=\"#5c6773\">" + text(label) + "</text>";
}

// A round number at or above v, with a round half (but 1 and 3).
std::uint64_t round_up(std::uint64_t v) {
  for (std::uint64_t unit = 1;; unit *= 10) {
    for (const std::uint64_t step : {1U, 2U, 3U, 4U, 6U, 8U}) {
      if (step * unit >= v) return step * unit;
    }
  }
}

constexpr std::string_view kMatch = "#1f6f5c";
constexpr std::string_view kNoMatch = "#b9c2c9";
constexpr std::string_view kRefer = "#d98a1e";

}  // namespace

std::string text(std::string_view raw) {
  std::string out;
  for (const char c : escape_untrusted(raw)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string time(UnixMillis t) {
  std::string out = format_time(t);
  out.resize(19);
  out[10] = ' ';
  return out;
}

std::string element(std::string_view tag, const std::string& inner, std::string_view css_class) {
  std::string out = "<" + std::string(tag);
  if (!css_class.empty()) out += " class=\"" + std::string(css_class) + "\"";
  return out + ">" + inner + "</" + std::string(tag) + ">\n";
}

std::string table(const Row& head, const std::vector<Row>& rows, std::string_view css_class) {
  std::string out;
  for (const auto& cell : head) out += "<th>" + cell + "</th>";
  out = "<thead><tr>" + out + "</tr></thead>\n<tbody>\n";
  for (const Row& row : rows) {
    out += "<tr>";
    for (const auto& cell : row) out += "<td>" + cell + "</td>";
    out += "</tr>\n";
  }
  return element("table", out + "</tbody>", css_class);
}

std::string bar_chart(const std::vector<Bar>& bars, std::size_t every, const std::string& title) {
  std::uint64_t largest = 1;
  for (const Bar& b : bars) largest = std::max(largest, b.parts.total());
  const std::uint64_t top = round_up(largest);
  const double height = kChartHeight - kBottom - kTop;
  const double step = (kChartWidth - kLeft) / static_cast<double>(std::max<std::size_t>(1, bars.size()));
  const double width = std::max(0.6, step * 0.78);
  const auto scaled = [&](std::uint64_t n) { return height * static_cast<double>(n) / static_cast<double>(top); };
  std::string out = "<svg viewBox=\"0 0 " + number(kChartWidth) + " " + number(kChartHeight) +
                    "\" role=\"img\"><title>" + text(title) + "</title>";
  for (const std::uint64_t n : {std::uint64_t{0}, top / 2, top}) {
    const double y = kTop + height - scaled(n);
    out += "<line x1=\"" + number(kLeft) + "\" x2=\"" + number(kChartWidth) + "\" y1=\"" + number(y) + "\" y2=\"" +
           number(y) + "\" stroke=\"#d8dde2\"/>" + label_at(kLeft - 6, y + 4, "end", std::to_string(n));
  }
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const double x = kLeft + step * static_cast<double>(i) + (step - width) / 2;
    double y = kTop + height;
    for (const auto& [n, colour] :
         {std::pair(bars[i].parts.match, kMatch), {bars[i].parts.no_match, kNoMatch}, {bars[i].parts.refer, kRefer}}) {
      y -= scaled(n);
      out += rect(x, y, width, scaled(n), colour);
    }
    if (i % every != 0) continue;
    const bool last = x + step * static_cast<double>(every) > kChartWidth && bars[i].label.size() > 2;
    out += label_at(last ? kChartWidth : x + width / 2, kChartHeight - 7, last ? "end" : "middle", bars[i].label);
  }
  return out + "</svg>\n";
}

std::string lying_bar(const audit::Decisions& parts, std::uint64_t largest) {
  constexpr double kWidth = 180;
  double x = 0;
  std::string out = "<svg viewBox=\"0 0 180 12\" width=\"180\" height=\"12\" role=\"img\">";
  for (const auto& [n, colour] : {std::pair(parts.match, kMatch), {parts.no_match, kNoMatch}, {parts.refer, kRefer}}) {
    const double w = kWidth * static_cast<double>(n) / static_cast<double>(std::max<std::uint64_t>(1, largest));
    out += rect(x, 1, w, 10, colour);
    x += w;
  }
  return out + "</svg>";
}

std::string page(std::string_view lang, const std::string& title, const std::string& body) {
  // The policy holds a viewer to what the page is: no script, nothing from elsewhere.
  return "<!DOCTYPE html>\n<html lang=\"" + std::string(lang) +
         "\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
         "'none'; style-src 'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>" +
         text(title) + "</title>\n<style>" + std::string(kStyle) + "</style>\n</head>\n<body>\n" + body +
         "</body>\n</html>\n";
}

}  // namespace facekeep::tools::html
