// The bytes of a backup file (FORMAT.md): a header, framed records, an end mark with counts and a digest.
//
// Pure apart from the functions that bytes come from and go to; a record at a time in memory. A reader is total: any
// bytes give records or an Error. It says that a file is whole only at the end mark; whoever acts on records before has
// to be able to undo it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <variant>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/export/sha256_stream.h"

namespace facekeep::backup {

inline constexpr std::size_t kHeaderSize = 110;
inline constexpr std::size_t kMaxKey = 256;                      // bytes of a row's key
inline constexpr std::size_t kMaxValue = std::size_t{32} << 20;  // and of its value
inline constexpr std::size_t kMaxSlotBytes = 108;

// The backup that this one builds on.
struct Since {
  std::uint64_t size = 0;  // entries of the log in it
  Digest digest{};         // SHA-256 of its file
  friend bool operator==(const Since&, const Since&) = default;
};

struct Header {
  Id128 vault{};
  std::uint64_t size = 0;  // entries of the log, with those of what it builds on; at least 1
  Digest root{};           // of the log at that size
  std::uint32_t root_epoch = 0;
  std::optional<Since> since;  // fewer entries than `size`
  [[nodiscard]] std::uint64_t from() const { return since ? since->size : 0; }
};

Bytes encode_header(const Header& header);
// kMalformed; kFailedPrecondition for a version that this program does not know.
Result<Header> parse_header(ByteView bytes);

// One row of the database. The views live until the reader is called again.
struct Row {
  ByteView key;
  ByteView value;
};
// One key slot: a wrapped key.
struct Slot {
  std::uint32_t slot = 0;
  ByteView data;
};
using Record = std::variant<Row, Slot>;

class Writer {
 public:
  using Sink = std::function<Status(ByteView bytes)>;
  explicit Writer(Sink sink) : sink_(std::move(sink)) {}

  Status begin(const Header& header);
  // kTooLarge beyond the limits above.
  Status row(ByteView key, ByteView value);
  Status slot(std::uint32_t slot, ByteView data);
  // Writes the end mark. Nothing may follow.
  Status finish();

  // SHA-256 of the whole file, as sha256sum prints it. After finish().
  [[nodiscard]] const Digest& digest() const { return digest_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  Status put(ByteView bytes);

  Sink sink_;
  exporter::Sha256Stream before_end_;  // what the end mark's digest covers
  exporter::Sha256Stream whole_;
  Digest digest_{};
  std::uint64_t bytes_ = 0;
  std::uint64_t rows_ = 0;
  std::uint64_t slots_ = 0;
};

class Reader {
 public:
  // Fills as much of `out` as there is; 0 at the end.
  using Source = std::function<Result<std::size_t>(MutableByteView out)>;
  // kMalformed and what parse_header() says.
  static Result<Reader> open(Source source);

  [[nodiscard]] const Header& header() const { return header_; }
  // The next record; nothing behind the last one, and then the file was whole. kMalformed: cut or altered.
  Result<std::optional<Record>> next();

  // After the last record.
  [[nodiscard]] const Digest& digest() const { return digest_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  explicit Reader(Source source) : source_(std::move(source)) {}
  Status take(MutableByteView out);
  Status take_value(std::size_t size);
  Result<std::optional<Record>> end();

  Source source_;
  Header header_;
  exporter::Sha256Stream before_end_;
  exporter::Sha256Stream whole_;
  Digest digest_{};
  Bytes key_;
  Bytes value_;
  std::uint64_t bytes_ = 0;
  std::uint64_t rows_ = 0;
  std::uint64_t slots_ = 0;
  bool ended_ = false;
};

}  // namespace facekeep::backup
