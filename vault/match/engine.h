// Engine: "is this face one of ours?", answered in memory.
//
// The one interface between the vault and the match engine. The answer is that of a brute-force
// float32 search, every time, though hardly any template's values are looked at (code.h):
//
//   cosine     the float32 of cosine.h, between the probe and a template, both normalised (vector.h)
//   passes     cosine >= threshold_from_millionths(threshold)
//   verify     a template of the subject, not suspended, passes
//   identify   of all templates of the gallery that are not suspended and pass, the subject of the
//              one with the highest cosine; of equal cosines, the one with the lowest order
//
// No score, rank or distance leaves: the answers are a bool and a reference. Plain templates go in
// and never come out (the caller adds them under its PlainTemplateAccess); what is kept of them lies in
// locked memory that no core dump holds (arena.h), beside nothing but the random reference and the log
// position. With a source, these are codes of about 5 bits a value; without one, the values as well.
// The engine starts empty, is filled when the vault opens and cleared when it is sealed.
//
// Every call is thread safe and may run beside every other. A template takes part in every call that
// begins after add() returned. A template whose remove() or suspend(.., true) has returned decides
// no answer. Enrolling and erasing stop matching for no longer than one row's or one chunk's work
// (gallery.h). add(), remove() and suspend() of one subject are done one at a time.
//
// Errors of all calls: kNotFound for a site and model without a gallery (create_gallery() first);
// kSealed if clear() came in between; kInvalidArgument for a refused vector (vector.h names the
// faults) or a threshold outside -1,000,000 to 1,000,000; kExhausted for memory, as arena.h has it.
// verify() and identify(): the source's errors too, but kNotFound; identify() of a gallery with too many templates that
// are nearly the same: kIntegrity (gallery.h, kMostOpened).
// What narrows (remove, suspend, clear) does not fail: if it can't, the process ends, and the next
// one starts empty.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/match/arena.h"
#include "vault/match/exact_source.h"

namespace facekeep::match {

struct EngineOptions {
  unsigned threads = 0;  // that scan; 0: one for each processor
  ArenaOptions arena;
  // Where exact values come from; must outlive the engine. Null: they stay in the arena.
  ExactSource* source = nullptr;
};

struct EngineStats {
  std::size_t galleries = 0;
  std::size_t templates = 0;       // suspended ones too
  std::size_t bytes = 0;           // of template memory mapped
  std::size_t unlocked_bytes = 0;  // of these, not locked into RAM
  // Of all identify() calls: templates times probes, those that the second look took, those that were opened. For
  // benchmarks alone: how many were opened says how near a probe was.
  std::uint64_t compared = 0;
  std::uint64_t looked_at = 0;
  std::uint64_t opened = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;

  // A gallery for one site and one model, of vectors of `dimension` (64 to 1024). kAlreadyExists.
  virtual Status create_gallery(std::string_view site, std::string_view model, std::size_t dimension) = 0;

  // Adds one template. `order` is its enrolment's position in the log: two subjects never share one.
  // The caller keeps the limit of 8 templates a subject, and cleanses its own copy.
  virtual Status add(std::string_view site, std::string_view model, const SubjectRef& ref, std::uint64_t order,
                     std::span<const float> values) = 0;

  // Wipes every template of the subject, of all models, before it returns, and forgets a suspension.
  // The number wiped; 0 for a stranger.
  virtual std::size_t remove(const SubjectRef& ref) noexcept = 0;

  // A suspended subject matches nobody, templates added later included.
  virtual void suspend(const SubjectRef& ref, bool suspended) noexcept = 0;

  // False for a subject that the gallery does not know, after the same work (gallery.h).
  virtual Result<bool> verify(std::string_view site, std::string_view model, const SubjectRef& ref,
                              std::span<const float> probe, std::int64_t threshold_millionths) = 0;

  virtual Result<std::optional<SubjectRef>> identify(std::string_view site, std::string_view model,
                                                     std::span<const float> probe,
                                                     std::int64_t threshold_millionths) = 0;

  // Forgets all galleries, templates and suspensions; returns when all of it is wiped. Calls in
  // flight end early with kSealed. The engine can be filled again.
  virtual void clear() noexcept = 0;

  [[nodiscard]] virtual EngineStats stats() const = 0;
};

// The engine. kExhausted if the system has no thread for it.
Result<std::unique_ptr<Engine>> make_exact_engine(const EngineOptions& options);

}  // namespace facekeep::match
