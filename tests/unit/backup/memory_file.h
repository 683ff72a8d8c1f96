// Backup files in memory.
#pragma once

#include <algorithm>

#include "tests/support/catch.h"
#include "vault/backup/format.h"

namespace facekeep::test {

inline backup::Reader::Source source_of(const Bytes& file) {
  return [&file, at = std::size_t{0}](MutableByteView out) mutable -> Result<std::size_t> {
    const std::size_t n = std::min(out.size(), file.size() - at);
    std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(at), n, out.begin());
    at += n;
    return n;
  };
}

// Reads all of it. The number of records.
inline Result<std::size_t> read_all(const Bytes& file) {
  FK_TRY(backup::Reader reader, backup::Reader::open(source_of(file)));
  for (std::size_t n = 0;; ++n) {
    FK_TRY(const auto record, reader.next());
    if (!record) return n;
  }
}

}  // namespace facekeep::test
