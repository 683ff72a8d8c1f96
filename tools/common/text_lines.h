// Lines and CSV records of untrusted text files, with limits. Errors of one record are reported in
// it, and reading goes on at the next.
#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <vector>

#include "vault/base/result.h"

namespace facekeep::tools {

inline constexpr std::size_t kMaxLine = 1 << 20;         // bytes of a line or a CSV record
inline constexpr std::size_t kMaxFields = kMaxLine / 2;  // of a CSV record: bounded by its bytes

// Lines of any length at most `limit` without their end (LF or CRLF); a longer one is skipped and
// reported. Empty lines are returned too.
class LineReader {
 public:
  struct Line {
    std::uint64_t number = 0;  // 1 is the first
    std::string text;
    std::optional<Error> error;
  };
  explicit LineReader(std::istream& in, std::size_t limit = kMaxLine) : in_(in), limit_(limit) {}
  // Nothing at the end; kIo if the stream broke.
  Result<std::optional<Line>> next();

 private:
  std::istream& in_;
  std::size_t limit_;
  std::uint64_t number_ = 0;
};

// CSV as RFC 4180: comma, CRLF or LF, fields in double quotes may hold commas, line ends and doubled
// quotes. A byte order mark at the start is skipped (spreadsheets write it), as are empty lines.
class CsvReader {
 public:
  struct Record {
    std::uint64_t line = 0;  // where it starts; 1 is the first
    std::vector<std::string> fields;
    std::optional<Error> error;  // bad quoting, too long
  };
  explicit CsvReader(std::istream& in, std::size_t limit = kMaxLine);
  Result<std::optional<Record>> next();

 private:
  void read_quoted(Record& record);
  int get();
  void fail(Record& record, Errc code, const char* message);

  std::streambuf* in_;
  std::size_t limit_;
  std::size_t size_ = 0;  // bytes of the record so far
  std::uint64_t line_ = 1;
};

}  // namespace facekeep::tools
