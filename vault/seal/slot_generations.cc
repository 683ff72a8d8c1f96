#include "vault/seal/slot_generations.h"

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>
#include <set>

namespace facekeep::seal {
namespace {

Error no_generation(std::uint32_t epoch) {
  return make_error(Errc::kNotFound, "there are no key slots of root epoch " + std::to_string(epoch));
}

// The epoch of a slot file's name: "slots.a", "slots-2.b".
std::optional<std::uint32_t> epoch_of(std::string_view name) {
  if (!name.starts_with("slots") || (!name.ends_with(".a") && !name.ends_with(".b"))) return std::nullopt;
  const std::string_view middle = name.substr(5, name.size() - 7);
  if (middle.empty()) return 1;
  std::uint32_t epoch = 0;
  const auto [end, error] = std::from_chars(middle.data() + 1, middle.data() + middle.size(), epoch);
  if (middle[0] != '-' || error != std::errc() || end != middle.data() + middle.size()) return std::nullopt;
  // One spelling each: an epoch that would be written otherwise is no file of ours.
  if (epoch < 2 || "-" + std::to_string(epoch) != middle) return std::nullopt;
  return epoch;
}

Result<std::set<std::uint32_t>> epochs_in(const std::string& dir) {
  std::set<std::uint32_t> out;
  std::error_code error;
  for (std::filesystem::directory_iterator it(dir, error), end; !error && it != end; it.increment(error)) {
    if (const auto epoch = epoch_of(it->path().filename().string())) out.insert(*epoch);
  }
  if (error) return io_error(error.value(), "the directory of the key slots can't be read");
  return out;
}

}  // namespace

Result<std::unique_ptr<SlotGenerations>> SlotGenerations::create(const std::string& dir, const Id128& vault) {
  FK_TRY(FileHandle lock, KeySlots::take_lock(dir));
  FK_TRY(const auto there, epochs_in(dir));
  if (!there.empty()) return make_error(Errc::kAlreadyExists, "there are key slots in " + dir + " already");
  std::unique_ptr<SlotGenerations> out(new SlotGenerations(dir, vault, std::move(lock)));
  FK_CHECK(out->begin(1));
  return out;
}

Result<std::unique_ptr<SlotGenerations>> SlotGenerations::open(const std::string& dir, const Id128& vault) {
  FK_TRY(FileHandle lock, KeySlots::take_lock(dir));
  FK_TRY(const auto there, epochs_in(dir));
  if (there.empty()) return make_error(Errc::kNotFound, "there are no key-slot files in " + dir);
  std::unique_ptr<SlotGenerations> out(new SlotGenerations(dir, vault, std::move(lock)));
  for (const std::uint32_t epoch : there) {
    FK_TRY(out->generations_[epoch], KeySlots::open_locked(dir, vault, epoch, {}));
  }
  return out;
}

std::vector<std::uint32_t> SlotGenerations::epochs() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::uint32_t> out;
  for (const auto& [epoch, slots] : generations_) out.push_back(epoch);
  return out;
}

std::shared_ptr<KeySlots> SlotGenerations::find(std::uint32_t epoch) const {
  const std::lock_guard lock(mutex_);
  const auto it = generations_.find(epoch);
  return it == generations_.end() ? nullptr : it->second;
}

std::vector<std::shared_ptr<KeySlots>> SlotGenerations::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<KeySlots>> out;
  for (const auto& [epoch, slots] : generations_) out.push_back(slots);
  return out;
}

Status SlotGenerations::begin(std::uint32_t epoch, std::uint32_t like) {
  const auto present = find(like);
  const std::uint32_t room = present ? present->count() : 0;
  FK_TRY(std::shared_ptr<KeySlots> made, KeySlots::create_locked(dir_, vault_, epoch, {}));
  if (Status reserved = made->reserve(room); !reserved) {
    static_cast<void>(remove_files(epoch));
    return reserved;
  }
  const std::lock_guard lock(mutex_);
  generations_[epoch] = std::move(made);
  return {};
}

Status SlotGenerations::remove_files(std::uint32_t epoch) const {
  for (const std::string& name : KeySlots::file_names(epoch)) {
    // Beside it what a crash left of a restored copy (slot_file.cc, create).
    for (const std::string& path : {dir_ + "/" + name, dir_ + "/" + name + ".new"}) {
      if (::unlink(path.c_str()) != 0 && errno != ENOENT) return io_error(errno, path + " can't be removed");
    }
  }
  FK_CHECK(sync_directory(dir_));
  FK_TRY(const auto left, epochs_in(dir_));
  if (left.contains(epoch)) return make_error(Errc::kIo, "removed key-slot files are still there");
  return {};
}

// Commit points. The log no longer needs the generation, and says so only after this. A crash while it is overwritten
// leaves slots that nobody reads; between the two removals, one file of zeros, of which open() makes a pair again; and
// in every case the caller comes again.
Status SlotGenerations::retire(std::uint32_t epoch) {
  if (const auto slots = find(epoch)) FK_CHECK(slots->erase_all());
  FK_CHECK(remove_files(epoch));
  const std::lock_guard lock(mutex_);
  generations_.erase(epoch);
  return {};
}

Status SlotGenerations::write(const std::vector<SlotWrite>& writes) {
  std::map<std::uint32_t, std::vector<SlotWrite>> by_epoch;
  for (const SlotWrite& w : writes) by_epoch[w.epoch].push_back(w);
  for (const auto& [epoch, own] : by_epoch) {
    if (!has(epoch)) return no_generation(epoch);
  }
  for (const auto& [epoch, own] : by_epoch) FK_CHECK(find(epoch)->write(own));
  return {};
}

Status SlotGenerations::erase(const std::vector<std::uint32_t>& slots) {
  for (const auto& generation : all()) FK_CHECK(generation->erase(slots));
  return {};
}

Status SlotGenerations::erase(std::uint32_t epoch, const std::vector<std::uint32_t>& slots) {
  const auto generation = find(epoch);
  return generation ? generation->erase(slots) : Status(no_generation(epoch));
}

Result<Bytes> SlotGenerations::read(std::uint32_t epoch, std::uint32_t slot) const {
  const auto generation = find(epoch);
  if (!generation) return no_generation(epoch);
  return generation->read(slot);
}

Result<std::vector<std::uint32_t>> SlotGenerations::in_use(std::uint32_t epoch) const {
  const auto generation = find(epoch);
  if (!generation) return no_generation(epoch);
  return generation->in_use();
}

Result<SlotGenerations::Census> SlotGenerations::census(std::uint32_t epoch) const {
  const auto generation = find(epoch);
  if (!generation) return no_generation(epoch);
  Census out;
  FK_TRY(const auto damaged, generation->for_each([&](std::uint32_t slot, ByteView) -> Status {
    if (slot >= out.whole.size()) out.whole.resize(slot + std::size_t{1});
    out.whole[slot] = true;
    return {};
  }));
  out.damaged.insert(damaged.begin(), damaged.end());
  return out;
}

}  // namespace facekeep::seal
