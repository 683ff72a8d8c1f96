#include "vault/export/parts.h"

#include <utility>

namespace facekeep::exporter {

Result<PartWriter> PartWriter::create(std::vector<Recipient> recipients, std::uint64_t part_size, PartOutput& output) {
  if (part_size < kMinPartSize || part_size > kMaxPartSize) {
    return make_error(Errc::kInvalidArgument, "a part of an export has 128 KiB to 256 MiB");
  }
  if (recipients.empty()) return make_error(Errc::kInvalidArgument, "an export needs a recipient");
  return PartWriter(std::move(recipients), part_size, output);
}

Status PartWriter::begin() {
  if (done_.size() == kMaxParts) {
    return make_error(Errc::kTooLarge, "the export would have more than " + std::to_string(kMaxParts) + " parts",
                      "export the site in several steps, or in larger parts");
  }
  FK_CHECK(output_->begin_part(done_.size() + 1));
  FK_TRY(part_, CmsStream::open(recipients_, [output = output_](ByteView sealed) { return output->write(sealed); }));
  return {};
}

Status PartWriter::end() {
  FK_TRY(const SealedSize size, part_->finish());
  part_.reset();
  FK_CHECK(output_->end_part());
  done_.push_back(size);
  return {};
}

Status PartWriter::put(ByteView row) {
  const std::uint64_t need = CmsStream::max_sealed_size(row.size()) + CmsStream::kMaxTail;
  if (part_ && part_->size() + need > part_size_) FK_CHECK(end());
  if (!part_) FK_CHECK(begin());
  // The head is on its way with the first bytes: what it takes is known only then, and is at most kMaxHead.
  if (CmsStream::kMaxHead + need > part_size_) return make_error(Errc::kTooLarge, "a row is larger than a part");
  return part_->write(row);
}

Status PartWriter::add(ByteView row) {
  if (!error_) {
    if (auto ok = put(row); !ok) error_ = std::move(ok).error();
  }
  return error_ ? Status(*error_) : Status();
}

Result<std::vector<SealedSize>> PartWriter::finish() {
  if (!error_ && part_) {
    if (auto ok = end(); !ok) error_ = std::move(ok).error();
  }
  if (error_) return *error_;
  error_ = make_error(Errc::kInternal, "the export is finished");
  return std::move(done_);
}

}  // namespace facekeep::exporter
