// Backups: what is read as whole is written again byte for byte; and the chain takes or refuses it without harm.
#include <algorithm>

#include "tests/fuzz/fuzz.h"
#include "vault/backup/chain.h"
#include "vault/base/digest.h"

using namespace facekeep;

namespace {

backup::Reader::Source source_of(ByteView file) {
  return [file](MutableByteView out) mutable -> Result<std::size_t> {
    const std::size_t n = std::min(out.size(), file.size());
    std::copy_n(file.begin(), n, out.begin());
    file = file.subspan(n);
    return n;
  };
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A fuzzer finds no digest: the last 32 bytes are set to the right one.
  Bytes file(data, data + size);
  if (size >= 32) {
    const Digest digest = sha256(ByteView(file).first(size - 32));
    std::copy(digest.begin(), digest.end(), file.end() - 32);
  }
  auto reader = backup::Reader::open(source_of(file));
  if (!reader) return 0;
  Bytes again;
  backup::Writer writer([&](ByteView bytes) -> Status {
    again.insert(again.end(), bytes.begin(), bytes.end());
    return {};
  });
  FUZZ_CHECK(writer.begin(reader->header()));
  auto record = reader->next();
  for (; record && *record; record = reader->next()) {
    if (const auto* row = std::get_if<backup::Row>(&**record)) {
      FUZZ_CHECK(writer.row(row->key, row->value));
    } else {
      const auto& slot = std::get<backup::Slot>(**record);
      FUZZ_CHECK(writer.slot(slot.slot, slot.data));
    }
  }
  if (record) {
    FUZZ_CHECK(writer.finish());
    FUZZ_CHECK(again == file);
    FUZZ_CHECK(writer.digest() == reader->digest());
  }
  backup::Chain chain;
  auto second = backup::Reader::open(source_of(file));
  if (chain.add(std::move(*second))) static_cast<void>(chain.finish());
  return 0;
}
