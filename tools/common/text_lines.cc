#include "tools/common/text_lines.h"

namespace facekeep::tools {
namespace {

constexpr int kEnd = std::char_traits<char>::eof();

}  // namespace

Result<std::optional<LineReader::Line>> LineReader::next() {
  std::streambuf* in = in_.rdbuf();
  Line line;
  line.number = ++number_;
  int c = in->sbumpc();
  if (c == kEnd) {
    if (in_.bad()) return make_error(Errc::kIo, "the file can't be read further");
    return std::optional<Line>();
  }
  std::size_t size = 0;
  for (; c != kEnd && c != '\n'; c = in->sbumpc()) {
    if (++size <= limit_) line.text += static_cast<char>(c);
  }
  if (size > limit_) {
    line.text.clear();
    line.error = make_error(Errc::kTooLarge, "the line is over " + std::to_string(limit_) + " bytes");
  }
  if (line.text.ends_with('\r')) line.text.pop_back();
  return std::optional<Line>(std::move(line));
}

CsvReader::CsvReader(std::istream& in, std::size_t limit) : in_(in.rdbuf()), limit_(limit) {
  // A byte order mark, if all of it is there.
  for (const int expected : {0xef, 0xbb, 0xbf}) {
    if (in_->sgetc() != expected) break;
    in_->sbumpc();
  }
}

int CsvReader::get() {
  const int c = in_->sbumpc();
  if (c == '\n') ++line_;
  if (c != kEnd) ++size_;
  return c;
}

// Reports the record, and goes on behind the end of the line.
void CsvReader::fail(Record& record, Errc code, const char* message) {
  record.error = make_error(code, message);
  record.fields.clear();
  for (int c = get(); c != kEnd && c != '\n'; c = get()) {
  }
}

// The rest of a field behind its opening quote; the closing quote is consumed.
void CsvReader::read_quoted(Record& record) {
  std::string& field = record.fields.back();
  for (;;) {
    const int c = get();
    if (c == kEnd) return fail(record, Errc::kMalformed, "a quoted field has no closing quote");
    if (size_ > limit_) return fail(record, Errc::kTooLarge, "the record is too long");
    if (c == '"') {
      if (in_->sgetc() != '"') return;
      get();
    }
    field += static_cast<char>(c);
  }
}

Result<std::optional<CsvReader::Record>> CsvReader::next() {
  int c = get();
  while (c == '\n' || (c == '\r' && in_->sgetc() == '\n')) c = get();
  if (c == kEnd) return std::optional<Record>();
  Record record;
  record.line = line_;
  record.fields.emplace_back();
  size_ = 1;
  bool field_starts = true;
  bool was_quoted = false;
  for (; c != kEnd && c != '\n'; c = get()) {
    const bool line_end = c == '\r' && (in_->sgetc() == '\n' || in_->sgetc() == kEnd);
    if (size_ > limit_) {
      fail(record, Errc::kTooLarge, "the record is too long");
    } else if (c == ',') {
      record.fields.emplace_back();
      field_starts = true;
      was_quoted = false;
      continue;
    } else if (c == '"' && field_starts) {
      read_quoted(record);
      was_quoted = true;
    } else if (line_end) {
      continue;
    } else if (c == '"' || was_quoted) {
      fail(record, Errc::kMalformed, "a quote stands inside a field");
    } else {
      record.fields.back() += static_cast<char>(c);
    }
    if (record.error) break;
    field_starts = false;
  }
  return std::optional<Record>(std::move(record));
}

}  // namespace facekeep::tools
