#include "vault/backup/mark.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "vault/backup/file.h"
#include "vault/base/json.h"
#include "vault/ledger/json_reader.h"
#include "vault/seal/slot_file.h"

namespace facekeep::backup {
namespace {

constexpr std::size_t kMaxMark = 256;

std::string path_of(const std::string& data_dir) {
  return data_dir + "/restored.json";
}

}  // namespace

Status write_mark(const std::string& data_dir, const ledger::BehindBackup& range) {
  FK_TRY(const std::string text, canonical_json({{"from", range.from}, {"upto", range.upto}}));
  const std::string path = path_of(data_dir);
  const seal::FileHandle fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  const bool written =
      fd.get() >= 0 && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (!written || ::fsync(fd.get()) != 0) return seal::io_error(errno, "can't write " + path);
  return sync_directory(data_dir);
}

Result<std::optional<ledger::BehindBackup>> read_mark(const std::string& data_dir) {
  const std::string path = path_of(data_dir);
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return std::optional<ledger::BehindBackup>();
  FK_TRY(const Bytes text, read_piece(path, 0, kMaxMark));
  FK_TRY(const Json j, parse_canonical_json(as_chars(text)));
  ledger::ObjectReader r(j, path);
  ledger::BehindBackup out;
  out.from = static_cast<std::uint64_t>(r.integer("from", 1, 9007199254740991));
  out.upto = static_cast<std::uint64_t>(r.integer("upto", 1, 9007199254740991));
  FK_CHECK(r.finish());
  return std::optional(out);
}

Status remove_mark(const std::string& data_dir) {
  const std::string path = path_of(data_dir);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return seal::io_error(errno, "can't remove " + path);
  return sync_directory(data_dir);
}

}  // namespace facekeep::backup
