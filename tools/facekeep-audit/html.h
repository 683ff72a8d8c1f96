// Pieces of a self-contained HTML page. Everything that is text goes through text(): what the log or the register says
// can't become markup, and hidden characters show.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vault/audit/statistics.h"

namespace facekeep::tools::html {

// Escaped for element content and quoted attributes.
std::string text(std::string_view raw);
// "2026-11-22 05:36:16", UTC.
std::string time(UnixMillis t);
// <tag class="...">inner</tag>; `inner` is markup. No class attribute for an empty one.
std::string element(std::string_view tag, const std::string& inner, std::string_view css_class = {});

// Cells are markup.
using Row = std::vector<std::string>;
std::string table(const Row& head, const std::vector<Row>& rows, std::string_view css_class = {});

// One bar of a chart, its parts stacked: match, no match, refer.
struct Bar {
  std::string label;
  audit::Decisions parts;
};
// Upright bars with a scale, as inline SVG; every `every`-th label is shown.
std::string bar_chart(const std::vector<Bar>& bars, std::size_t every, const std::string& title);
// One lying bar, `width` of its chart's largest.
std::string lying_bar(const audit::Decisions& parts, std::uint64_t largest);

// The whole page. `body` is markup.
std::string page(std::string_view lang, const std::string& title, const std::string& body);

}  // namespace facekeep::tools::html
