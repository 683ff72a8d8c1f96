// The folder in which sealed exports lie until they are over: DIR/<proposal>/part-0001.cms ... manifest.json.
//
// It holds sealed parts and manifests alone, so it is trusted with nothing: who changes a file in it makes an export
// that its recipients, and whoever compares digests with the log, refuse. Errors: kIo, kOutOfSpace, kNotFound.
// Not thread safe but for the reading calls.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "vault/base/bytes.h"
#include "vault/export/parts.h"

namespace facekeep::exporter {

// Left free on the disk by an export: the vault itself must go on.
inline constexpr std::uint64_t kKeepFree = std::uint64_t{256} << 20;  // bytes

class ExportFolder {
 public:
  // `dir` is made when it is first needed; `part_size` bytes must be free, and kKeepFree, before a part is begun.
  ExportFolder(std::string dir, std::uint64_t part_size) : dir_(std::move(dir)), part_size_(part_size) {}

  // One export being written. What it wrote stays when it goes.
  class Writer final : public PartOutput {
   public:
    ~Writer() override;
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    Status begin_part(std::size_t number) override;
    Status write(ByteView sealed) override;
    Status end_part() override;
    // Durable when it returns, and every part with it.
    Status finish(std::string_view manifest);

   private:
    friend class ExportFolder;
    Writer(std::string path, std::uint64_t part_size) : path_(std::move(path)), part_size_(part_size) {}
    Status open_file(const std::string& name);
    std::string path_;
    std::uint64_t part_size_;
    int fd_ = -1;
  };
  // Removes what an earlier attempt at this export left.
  Result<std::unique_ptr<Writer>> begin(const Id128& proposal) const;

  [[nodiscard]] Result<std::string> manifest(const Id128& proposal) const;
  // At most `max` bytes of a part (from 1) from `from` on; none at its end.
  [[nodiscard]] Result<Bytes> read_part(const Id128& proposal, std::size_t number, std::uint64_t from,
                                        std::size_t max) const;

  // Removes what there is of an export; durable when it returns. Nothing there is no error.
  [[nodiscard]] Status remove(const Id128& proposal) const;
  // Removes every export but these, and nothing that is no export.
  void keep_only(const std::set<Id128>& proposals) const;

 private:
  [[nodiscard]] std::string path_of(const Id128& proposal) const { return dir_ + "/" + to_hex(proposal); }
  std::string dir_;
  std::uint64_t part_size_;
};

}  // namespace facekeep::exporter
