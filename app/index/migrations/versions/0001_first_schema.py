"""The first schema. Frozen: what `app.index.tables` says later is a new step beside this one."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
REAL = sa.Float().with_variant(sa.Double(), "postgresql")

# The single-valued keys that are searched, by table and type.
TEXTS = {
    "study": """
        study_date study_time accession_number study_id study_description requesting_service
        requested_procedure_description admission_id patient_id issuer_of_patient_id type_of_patient_id
        patient_birth_date patient_birth_time patient_sex patient_age patient_species_description
        patient_breed_description patient_identity_removed clinical_trial_protocol_id clinical_trial_subject_id
        clinical_trial_time_point_id
    """,
    "series": """
        modality series_date series_time series_description body_part_examined laterality protocol_name patient_position
        presentation_intent_type performed_procedure_step_start_date performed_procedure_step_start_time
        performed_procedure_step_end_date performed_procedure_step_end_time performed_procedure_step_id
        performed_procedure_step_description manufacturer manufacturer_model_name station_name institution_name
        institutional_department_name device_serial_number frame_of_reference_uid synchronization_frame_of_reference_uid
        clinical_trial_series_id
    """,
    "instance": """
        content_date content_time acquisition_date acquisition_time acquisition_date_time acquisition_uid
        instance_creation_date instance_creation_time photometric_interpretation content_label content_description
        document_title verification_flag completion_flag presentation_creation_date presentation_creation_time
        structure_set_label rt_plan_label available_transfer_syntax_uid image_laterality view_position
        contrast_bolus_agent
    """,
}
INTEGERS = {
    "series": """
        series_number
    """,
    "instance": """
        instance_number acquisition_number number_of_frames rows columns bits_allocated
    """,
}
REALS = {
    "study": """
        patient_size patient_weight
    """,
    "instance": """
        slice_location
    """,
}


def upgrade() -> None:
    _levels()
    _documents()
    _values()
    _changes()


def _levels() -> None:
    op.create_table(
        "study",
        *_columns(uid=TEXT, position=TEXT, series=BIG, instances=BIG),
        *_values_of(modalities=TEXT, classes=TEXT, attributes=TEXT, ready=sa.LargeBinary()),
        *_keys("study"),
        sa.UniqueConstraint("uid", name="study_uid"),
    )
    op.create_index("study_position", "study", [sa.text("position DESC"), sa.text("uid DESC")], unique=True)
    op.create_table(
        "series",
        *_columns(study_id=BIG, uid=TEXT, position=BIG, instances=BIG, attributes=TEXT, ready=sa.LargeBinary()),
        *_keys("series"),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"]),
        sa.UniqueConstraint("study_id", "uid", name="series_study_uid"),
        sa.UniqueConstraint("study_id", "position", "uid", name="series_position"),
    )
    op.create_index("series_uid_key", "series", ["uid"])
    op.create_table(
        "instance",
        *_columns(series_id=BIG, uid=TEXT, position=BIG, sop_class_uid=TEXT, transfer_syntax=TEXT, digest=TEXT),
        *_values_of(blob_key=TEXT, blob_size=BIG, blob_modified=REAL, form_key=TEXT, received=REAL, weight=BIG, ready=sa.LargeBinary()),
        *_keys("instance"),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"]),
        sa.UniqueConstraint("uid", name="instance_uid"),
        sa.UniqueConstraint("series_id", "position", "uid", name="instance_position"),
    )
    op.create_index("instance_sop_class_uid_key", "instance", ["sop_class_uid"])
    for table in ("study", "series", "instance"):
        for key in _keys(table):
            present = sa.text(f"{key.name} IS NOT NULL")
            op.create_index(f"{table}_{key.name}_key", table, [key.name], sqlite_where=present, postgresql_where=present)


def _documents() -> None:
    op.create_table(
        "instance_document",
        sa.Column("instance_id", BIG, primary_key=True, autoincrement=False, nullable=False),
        *_values_of(form=sa.LargeBinary(), repairs=TEXT, bulkdata=sa.LargeBinary(), frames=sa.LargeBinary(), metadata=sa.LargeBinary()),
        sa.ForeignKeyConstraint(["instance_id"], ["instance.id"]),
    )


def _values() -> None:
    op.create_table("attribute_value", *_columns(level=sa.Integer(), owner=BIG, path=TEXT, item=sa.Integer(), value=TEXT))
    op.create_index("attribute_value_match", "attribute_value", ["path", "value", "level", "owner", "item"])
    op.create_index("attribute_value_owner", "attribute_value", ["level", "owner"])


def _changes() -> None:
    op.create_table(
        "change",
        sa.Column("sequence", BIG, primary_key=True, autoincrement=True, nullable=False),
        *_values_of(kind=TEXT, study_uid=TEXT, series_uid=TEXT, instance_uid=TEXT, digest=TEXT, at=REAL),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "unused_blob",
        sa.Column("key", TEXT, primary_key=True, nullable=False),
        *_values_of(since=REAL),
    )


def _columns(**types: sa.types.TypeEngine[Any]) -> list[sa.Column[Any]]:
    return [sa.Column("id", BIG, primary_key=True, autoincrement=True, nullable=False), *_values_of(**types)]


def _values_of(**types: sa.types.TypeEngine[Any]) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False) for name, kind in types.items()]


def _keys(table: str) -> list[sa.Column[Any]]:
    kinds = ((TEXTS, TEXT), (INTEGERS, BIG), (REALS, REAL))
    return [sa.Column(name, kind, nullable=True) for names, kind in kinds for name in names.get(table, "").split()]
