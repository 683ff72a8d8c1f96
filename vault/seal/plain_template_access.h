// The right to see a plain template.
//
// A PlainTemplateAccess can be made by three classes only, so that one search for their names lists
// every place that may touch a plain template. They are declared here and defined where they are
// used: facekeep::EnrolmentPass beside enrolment, facekeep::match::GalleryPass beside the code that
// fills and re-checks the gallery, facekeep::ExportPass beside approved exports. Each does no more than make one and
// pass it on:
//
//   class EnrolmentPass {
//     friend class Enrolment;                                     // who may use it
//     static PlainTemplateAccess get() { return PlainTemplateAccess(); }
//   };
//
// Don't add a friend without saying in deploy/THREAT_MODEL.md why.
#pragma once

namespace facekeep {

class EnrolmentPass;
class ExportPass;
namespace match {
class GalleryPass;
}

class PlainTemplateAccess {
 public:
  PlainTemplateAccess(const PlainTemplateAccess&) = delete;
  PlainTemplateAccess& operator=(const PlainTemplateAccess&) = delete;

 private:
  PlainTemplateAccess() {}  // not defaulted: an aggregate could be made by anyone
  friend class EnrolmentPass;
  friend class ExportPass;
  friend class match::GalleryPass;
};

}  // namespace facekeep
