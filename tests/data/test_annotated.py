"""Every layout through one door: what was given by mistake is named, packs are read as they say."""

from __future__ import annotations

import numpy as np
import pytest

from macaw.data.annotated import read_annotated
from macaw.errors import DataError, InputError


def refusal(path, **options) -> str:
    with pytest.raises(InputError) as caught:
        read_annotated(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestLooks:
    def test_folders_of_classes(self, shapes):
        message = refusal(shapes)
        assert "folders of pictures, 'cross', 'disc' and 'square': macaw train classify takes them" in message
        assert "looked for: COCO" in message

    def test_masks(self, make, tmp_path):
        make.tree(tmp_path, {"images": 2, "masks": 2})
        assert "it has masks beside pictures: macaw train segment takes it" in refusal(tmp_path)

    def test_an_empty_folder(self, tmp_path):
        assert "(the folder is empty)" in refusal(tmp_path)

    def test_points_archives_pictures_and_tables_of_labels(self, make, tmp_path):
        make.tree(tmp_path, {"a": 1})
        assert "folders of pictures" in refusal(tmp_path) or "1 picture, but nothing" in refusal(tmp_path)
        (tmp_path / "a" / "0.pts").write_text("")
        assert "macaw train keypoints takes it" in refusal(tmp_path)
        (tmp_path / "data.zip").write_bytes(b"PK")
        assert "'data.zip': unpack it" in refusal(tmp_path)
        assert "an archive: unpack it" in refusal(tmp_path / "data.zip")
        assert "a picture: give the folder" in refusal(tmp_path / "a" / "0.png")
        (tmp_path / "t.csv").write_text("image,label\na/0.png,x\n")
        assert "has labels but no boxes: macaw train classify" in refusal(tmp_path / "t.csv")

    def test_a_path_that_is_not_there(self, tmp_path):
        (tmp_path / "data").mkdir()
        assert refusal(tmp_path / "dato").endswith("Did you mean '" + str(tmp_path / "data") + "'?")

    def test_a_share_that_is_none(self, tmp_path):
        assert "val_share 1 is not a share" in refusal(tmp_path, val_share=1)


class TestPacks:
    def test_blood_cells(self, packs):
        data = read_annotated(packs / "det_bccd")
        assert data.names == ("Platelets", "RBC", "WBC")
        told = {"train": (205, 2804), "val": (87, 1137), "test": (72, 945)}  # its README
        repeated = {split: some.count for split, some in data.splits.items()}
        for split, (pictures, boxes) in told.items():
            assert len(data.splits[split]) == pictures
            assert boxes * 0.99 <= repeated[split] <= boxes
        first = data.splits["train"].objects[0]
        assert data.names[first.labels[0]] == "WBC"
        assert first.xyxy[0].tolist() == [44.2, 204.8, 185.9, 312.0]
        assert "MIT" in data.terms

    def test_common_objects(self, packs):
        data = read_annotated(packs / "det_coco")
        assert len(data.names) == 80
        assert {split: len(some) for split, some in data.splits.items()} == {"train": 294, "val": 310}
        assert 5055 * 0.99 <= sum(some.count for some in data.splits.values()) <= 5055
        assert any(objects.crowd.any() for objects in data.splits["val"].objects)

    def test_people(self, packs):
        data = read_annotated(packs / "det_coco", rows="pose", val_share=0)
        assert data.names == ("person",)
        assert data.skeleton.names[0] == "nose"
        found = [objects for some in data.splits.values() for objects in some.objects if len(objects)]
        assert sum(map(len, found)) > 280
        assert all(objects.points.shape[1:] == (17, 3) for objects in found)

    def test_a_pack_that_is_damaged(self, tmp_path):
        (tmp_path / "annotations.json").write_text(
            '{"classes": ["a"], "images": [{"file": "0.png", "split": "train"}]}'
        )
        with pytest.raises(DataError, match="is not as its README says"):
            read_annotated(tmp_path)


def test_ten_thousand_boxes_in_one_picture(make, tmp_path):
    (tmp_path / "0.png").write_bytes(make.encode(np.zeros((200, 200, 3), np.uint8), "PNG"))
    rows = [f"0.png,a,{x},{y},{x + 2},{y + 2}" for x in range(100) for y in range(100)]
    (tmp_path / "boxes.csv").write_text("image,label,xmin,ymin,xmax,ymax\n" + "\n".join(rows))
    assert len(read_annotated(tmp_path, val_share=0).splits["train"].objects[0]) == 10_000
