#include "tools/common/cards.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "tools/common/escape.h"
#include "tools/common/qr.h"

namespace facekeep::tools {
namespace {

constexpr std::size_t kCapacity = 262144;  // above the largest card: 64 words and a version 40 code
constexpr std::size_t kTextColumns = 3;
constexpr int kQuietZone = 4;  // modules, ISO/IEC 18004

constexpr std::array kDo = {Msg::kCardDo1, Msg::kCardDo2, Msg::kCardDo3, Msg::kCardDo4};
constexpr std::array kNever = {Msg::kCardNever1, Msg::kCardNever2, Msg::kCardNever3};

// Text that grows in secret memory of a fixed size, so that nothing is ever copied to grow.
class SecretText {
 public:
  SecretText() : bytes_(kCapacity) {}
  SecretText& operator<<(std::string_view text) {
    full_ = full_ || text.size() > kCapacity - size_;
    if (!full_ && !text.empty()) {
      std::memcpy(bytes_.data() + size_, text.data(), text.size());
      size_ += text.size();
    }
    return *this;
  }
  // Decimal with leading zeros, without std::string.
  SecretText& number(unsigned value, int digits = 1) {
    std::array<char, 12> text{};
    const int n = std::snprintf(text.data(), text.size(), "%0*u", digits, value);
    *this << std::string_view(text.data(), static_cast<std::size_t>(n));
    cleanse(MutableByteView(reinterpret_cast<std::uint8_t*>(text.data()), text.size()));
    return *this;
  }
  Result<SecretBytes> finish() && {
    if (full_) return make_error(Errc::kInternal, "the card does not fit");
    return SecretBytes::copy_of(bytes_.view().first(size_));
  }

 private:
  SecretBytes bytes_;
  std::size_t size_ = 0;
  bool full_ = false;
};

std::string html(std::string_view text) {
  std::string out;
  for (const char c : escape_untrusted(text)) {
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

Status check(const seal::SecretWords& words) {
  if (words.size() == 0 || words.size() > seal::kMaxShareWords) {
    return make_error(Errc::kInvalidArgument, "a card holds 1 to 64 words");
  }
  return {};
}

std::string member_line(Lang lang, const CardInfo& info) {
  return format_message(lang, Msg::kCardMember,
                        {std::to_string(info.member), std::to_string(info.members), std::to_string(info.threshold)});
}

std::string groups_line(Lang lang, const CardInfo& info) {
  return format_message(lang, Msg::kCardGroups, {std::to_string(info.groups)});
}

// The public facts as pairs of label and value.
std::array<std::pair<Msg, std::string>, 4> facts(const CardInfo& info) {
  return {{{Msg::kCardVault, info.vault + " (" + info.vault_id + ")"},
           {Msg::kCardGroup, info.group},
           {Msg::kCardHolder, info.custodian},
           {Msg::kCardMade, info.date}}};
}

void text_words(SecretText& out, const seal::SecretWords& words) {
  const std::size_t rows = (words.size() + kTextColumns - 1) / kTextColumns;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = row; i < words.size(); i += rows) {
      const std::string_view word = seal::slip39_word(words.at(i));
      out << (i + 1 < 10 ? "   " : "  ");
      out.number(static_cast<unsigned>(i + 1)) << ". " << word;
      if (word.size() < 9) out << std::string_view("         ").substr(word.size());
      out << " ";
      out.number(words.at(i) + 1U, 4);
    }
    out << "\n";
  }
}

void html_words(SecretText& out, const seal::SecretWords& words) {
  out << "<ol class=\"words\">\n";
  for (std::size_t i = 0; i < words.size(); ++i) {
    out << "<li><span>";
    out.number(static_cast<unsigned>(i + 1)) << "</span> <b>" << seal::slip39_word(words.at(i)) << "</b> <i>";
    out.number(words.at(i) + 1U, 4) << "</i></li>\n";
  }
  out << "</ol>\n";
}

// One path of dark runs.
void html_qr(SecretText& out, const QrModules& qr, std::string_view title) {
  const auto side = static_cast<unsigned>(qr.width) + 2 * kQuietZone;
  out << "<svg class=\"qr\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ";
  out.number(side) << " ";
  out.number(side) << "\" shape-rendering=\"crispEdges\" role=\"img\"><title>" << title
                   << "</title><path fill=\"#fff\" d=\"M0 0h";
  out.number(side) << "v";
  out.number(side) << "H0z\"/><path fill=\"#000\" d=\"";
  for (std::size_t y = 0; y < qr.width; ++y) {
    for (std::size_t x = 0; x < qr.width;) {
      std::size_t run = 0;
      while (x + run < qr.width && qr.at(x + run, y)) ++run;
      if (run > 0) {
        out << "M";
        out.number(static_cast<unsigned>(x) + kQuietZone) << " ";
        out.number(static_cast<unsigned>(y) + kQuietZone) << "h";
        out.number(static_cast<unsigned>(run)) << "v1h-";
        out.number(static_cast<unsigned>(run)) << "z";
      }
      x += run + 1;
    }
  }
  out << "\"/></svg>\n";
}

constexpr std::string_view kStyle = R"(
*{box-sizing:border-box;margin:0;padding:0}
body{font:9pt/1.3 "Noto Sans","Noto Sans CJK SC",sans-serif;color:#000;background:#fff;margin:0 auto}
h1{font-size:13pt}h2{font-size:9pt;margin-top:1.5mm}
.stamp{border:.6mm solid #000;font-weight:bold;text-align:center;margin:1mm 0;padding:.5mm}
dl{display:grid;grid-template-columns:auto 1fr;column-gap:2mm}dt{font-weight:bold}dd{overflow-wrap:anywhere}
.words{list-style:none;display:grid;grid-template-columns:repeat(3,1fr);gap:0 2mm;margin-top:1mm;
font-family:"Noto Sans Mono",monospace;font-size:7.5pt;border:.3mm solid #000;padding:1mm}
.words span{display:inline-block;width:2.2em;text-align:right;color:#444}.words i{font-style:normal;color:#444}
.foot{display:flex;gap:3mm;align-items:flex-start}.qr{flex:none}ul{padding-left:4mm}
p,li{font-size:7.5pt}
)";

void html_head(SecretText& out, Lang lang, std::string_view title, CardPage page) {
  const bool a6 = page == CardPage::kA6;
  out << "<!DOCTYPE html>\n<html lang=\"" << (lang == Lang::kChinese ? "zh" : "en") << "\">\n<head>\n"
      << "<meta charset=\"utf-8\">\n"
      << "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
      << "<title>" << title << "</title>\n<style>" << kStyle << "@page{size:" << (a6 ? "A6" : "A5")
      << " portrait;margin:5mm}\nbody{width:" << (a6 ? "95mm" : "138mm") << "}.qr{width:" << (a6 ? "30mm" : "45mm")
      << "}\n</style>\n</head>\n<body>\n";
}

template <std::size_t N>
void html_list(SecretText& out, Lang lang, Msg heading, const std::array<Msg, N>& items) {
  out << "<h2>" << html(format_message(lang, heading)) << "</h2><ul>\n";
  for (const Msg item : items) out << "<li>" << html(format_message(lang, item)) << "</li>\n";
  out << "</ul>\n";
}

template <std::size_t N>
void text_list(SecretText& out, Lang lang, Msg heading, const std::array<Msg, N>& items) {
  out << "\n" << format_message(lang, heading) << "\n";
  for (const Msg item : items) out << "  - " << format_message(lang, item) << "\n";
}

}  // namespace

Result<SecretBytes> card_text(Lang lang, const CardInfo& info, const seal::SecretWords& words) {
  FK_CHECK(check(words));
  SecretText out;
  out << "facekeep - " << format_message(lang, Msg::kCardTitle) << "\n\n";
  if (info.rehearsal) out << "*** " << format_message(lang, Msg::kRehearsal) << " ***\n\n";
  for (const auto& [label, value] : facts(info)) {
    out << format_message(lang, label) << ": " << escape_untrusted(value) << "\n";
  }
  out << member_line(lang, info) << "\n" << groups_line(lang, info) << "\n\n";
  text_words(out, words);
  text_list(out, lang, Msg::kCardDoHeading, kDo);
  text_list(out, lang, Msg::kCardNeverHeading, kNever);
  return std::move(out).finish();
}

Result<SecretBytes> card_html(Lang lang, const CardInfo& info, const seal::SecretWords& words, CardPage page) {
  FK_CHECK(check(words));
  FK_TRY(const QrModules qr, qr_modules(seal::share_numbers_text(words).view()));
  SecretText out;
  const std::string title = html("facekeep - " + format_message(lang, Msg::kCardTitle));
  html_head(out, lang, title, page);
  out << "<h1>" << title << "</h1>\n";
  if (info.rehearsal) out << "<div class=\"stamp\">" << html(format_message(lang, Msg::kRehearsal)) << "</div>\n";
  out << "<dl>\n";
  for (const auto& [label, value] : facts(info)) {
    out << "<dt>" << html(format_message(lang, label)) << "</dt><dd>" << html(value) << "</dd>\n";
  }
  out << "</dl>\n<p>" << html(member_line(lang, info)) << " " << html(groups_line(lang, info)) << "</p>\n";
  out << "<h2>" << html(format_message(lang, Msg::kCardWords)) << "</h2>\n";
  html_words(out, words);
  out << "<div class=\"foot\">\n";
  html_qr(out, qr, html(format_message(lang, Msg::kCardQr)));
  out << "<div>\n";
  html_list(out, lang, Msg::kCardDoHeading, kDo);
  html_list(out, lang, Msg::kCardNeverHeading, kNever);
  out << "</div>\n</div>\n</body>\n</html>\n";
  return std::move(out).finish();
}

Status write_secret_fd(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      return make_error(errno == ENOSPC || errno == EDQUOT ? Errc::kOutOfSpace : Errc::kIo,
                        std::string("the secret can't be written: ") + std::strerror(errno));
    }
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace facekeep::tools
