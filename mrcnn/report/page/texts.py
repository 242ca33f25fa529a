"""What the report says about its figures, in plain language; braces are filled by `Words`."""

BORDER_TEXTS = {
    "ignore": "ignored: an unmatched detection that the border cuts is no false alarm",
    "count": "counted: an unmatched detection that the border cuts is a false alarm",
}

AVERAGES = "F1 and PQ of all {objects} pooled; accuracy and count ratio as means over the {images}"

FIELDS = (
    "Segmented {objects} are those of the ground truth that were matched, one to one, with a "
    "detection at mask IoU ≥ 0.5. Accuracy is segmented / ground truth: it counts only what was "
    "found, and false alarms leave it as it is. Unmatched are the detections without "
    "{an_object}, those at the image border among them.",
    "The count ratio is {paper_accuracy}detections / ground truth: it can exceed 100 %, and a "
    "miss and a false alarm make up for each other.",
)

QUALITY = (
    "Precision is the share of detections that are {objects}, recall the share of {objects} that "
    "were found, F1 their balance. AP@t = TP / (TP + FP + FN) counts both kinds of error at "
    "once. PQ is F1 times the mean IoU of the matched {objects}, so it also sees how well the "
    "outlines fit. At IoU ≥ 0.75 only close outlines count as found.",
    "AJI and AJI+ compare all pixels of all {objects} without any IoU limit; AJI+ pairs "
    "{objects} one to one. Border ignored: an unmatched detection that touches the image border "
    "is no false alarm, for {objects} cut by the border are often left out of annotations. "
    "Pooled figures weigh every {object} alike, means over the {images} every {image} alike.",
    "The 95 % intervals come from drawing the {images} anew many times, with repetition "
    "(bootstrap): so far would the figures move with other {images} of the same kind. Of few "
    "{images} they come out too narrow.",
)

COCO = (
    "COCO’s AP averages precision over all confidences and over IoU from 0.50 to 0.95, so it "
    "judges the ranking as well as the outlines and depends on no threshold. AP50 and AP75 are "
    "those at one IoU, AR is the mean recall. Any class: {an_object} is right whatever its "
    "class. By class: the class has to be right as well.",
)

SWEEP = (
    "A higher threshold keeps fewer and surer detections: precision rises, recall falls. F1 is "
    "highest where the two balance; a lab that must miss nothing goes lower, one that must not "
    "count what is no {object} goes higher.",
    "A threshold chosen on the {images} that it is then reported on looks better than it is. "
    "Choose it on a validation subset and report the figures on another.",
)

CALIBRATION = (
    "Of the detections with a confidence of 0.8, eight in ten should be {objects}. Bars that "
    "reach the dashed line keep that promise; where they end below it the network is too sure of "
    "itself, above it too timid. A dot marks the mean confidence of its bin. ECE is the mean "
    "distance from the line, weighed by the number of detections in each bin, which stands "
    "below.",
)

CLASSES = (
    "Only matched {objects} are here: rows are the class in the ground truth, columns the "
    "predicted one, each with its share of the row. The diagonal is right. Macro means give a "
    "rare class the same weight as a common one.",
)

COUNTING = (
    "Each mark is {an_image}; on the dashed line the count is right, above it too many {objects} "
    "are counted, below it too few. All detections count here, at the border too.",
    "Bias is the mean of detections − ground truth with its sign, MAE the mean error without it, "
    "MAPE the same as a share of the true number. R² is 1 when every count is right and below 0 "
    "when always guessing the mean number would do better. {A_class_term} can be counted right "
    "only if its {objects} are told apart.",
)

SIZES = (
    "The equivalent diameter is that of a circle with the area of the {object}’s mask, in pixels "
    "of the image. {Objects} cut by the image border are left out of both, since their size is "
    "not known. Where the line lies to the left of the bars outlines are drawn too tight, to the "
    "right too wide; a second hump of small ones hints at fragments, of large ones at merged "
    "{objects}.",
)

GALLERY = (
    "Wide green lines are the ground truth, narrow red ones the predictions. A miss is a thick "
    "dashed green line: no detection has IoU ≥ 0.5 with that {object}. A false alarm is a thick "
    "dotted red one: it has IoU ≥ 0.5 with no {object} that is still free. Point at {an_object}, "
    "tap it or move to it by keyboard to read its score, IoU, class and diameter.",
    "Keys in {an_image}: arrows go from {object} to {object}, Home and End to the first and "
    "last, N to the next miss or false alarm, the letters on the buttons switch the layers, "
    "Escape hides a note.",
)
