// The generations of key slots: one pair of slot files for each epoch of the root key that is in use. Between rotations
// there is one; while subject keys are rewrapped there are two, and the older goes at the end.
//
// A slot keeps its number through the generations: what owns slot 17 has it in each. Which generation holds its key is
// in the log (State::key_epoch, State::root_epoch). How a slot relates to the log: slots.h. A generation that the log
// does not know is what a crash left of a rotation that did not begin: recovery retires it.
//
// Thread safe. One process: the lock of slots.h, whatever generations there are. Errors as in slots.h.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "vault/seal/slots.h"

namespace facekeep::seal {

class SlotGenerations {
 public:
  // Makes the generation of epoch 1, empty. kAlreadyExists if there is one.
  static Result<std::unique_ptr<SlotGenerations>> create(const std::string& dir, const Id128& vault);
  // Opens every generation that is there. kNotFound: none is. Else as KeySlots::open.
  static Result<std::unique_ptr<SlotGenerations>> open(const std::string& dir, const Id128& vault);

  // In order.
  [[nodiscard]] std::vector<std::uint32_t> epochs() const;
  [[nodiscard]] bool has(std::uint32_t epoch) const { return find(epoch) != nullptr; }
  // Makes an empty generation, durable, with room for as many slots as that of `like` has, so that a disk which is too
  // small for both refuses here. kAlreadyExists; kOutOfSpace: nothing was changed.
  Status begin(std::uint32_t epoch, std::uint32_t like = 0);
  // Overwrites the whole generation, reads it again, and removes its files; then no file of it is there. Fine for a
  // generation that is gone, or half gone. Readers that come later get kNotFound. kIo if anything is still there.
  Status retire(std::uint32_t epoch);

  // Each to its generation, durable in both copies on return. kNotFound: no such generation. As KeySlots::write within
  // one generation; an error may leave the slots of an earlier one written, which nobody owns then.
  Status write(const std::vector<SlotWrite>& writes);
  // In every generation that is there.
  Status erase(const std::vector<std::uint32_t>& slots);
  Status erase(std::uint32_t epoch, const std::vector<std::uint32_t>& slots);

  // As KeySlots::read. kNotFound too if there is no such generation.
  Result<Bytes> read(std::uint32_t epoch, std::uint32_t slot) const;
  [[nodiscard]] Result<std::vector<std::uint32_t>> in_use(std::uint32_t epoch) const;
  // Which slots have a key that is whole, and which something else.
  struct Census {
    std::vector<bool> whole;  // by slot, up to the last such
    std::set<std::uint32_t> damaged;
  };
  [[nodiscard]] Result<Census> census(std::uint32_t epoch) const;

 private:
  SlotGenerations(std::string dir, const Id128& vault, FileHandle lock)
      : dir_(std::move(dir)), vault_(vault), lock_(std::move(lock)) {}
  [[nodiscard]] std::shared_ptr<KeySlots> find(std::uint32_t epoch) const;
  [[nodiscard]] std::vector<std::shared_ptr<KeySlots>> all() const;
  [[nodiscard]] Status remove_files(std::uint32_t epoch) const;

  const std::string dir_;
  const Id128 vault_;
  const FileHandle lock_;
  mutable std::mutex mutex_;  // generations_
  std::map<std::uint32_t, std::shared_ptr<KeySlots>> generations_;
};

}  // namespace facekeep::seal
